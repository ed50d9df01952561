package api

// Route is a row of the route table, as tests walk it.
type Route struct{ Method, Pattern, Scope, Class string }

// NoToken and AnyToken are the scopes of routes that need none of the log's.
const (
	NoToken  = string(noToken)
	AnyToken = string(anyToken)
)

// Routes returns every route, those with a tenant in their path included.
func Routes() []Route {
	var all []Route
	for _, rt := range expand(routes) {
		all = append(all, Route{rt.method, rt.pattern, string(rt.scope), string(rt.class)})
	}
	return all
}
