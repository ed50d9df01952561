package api

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/scaivault/audit"
)

// class names the rate limit that a route counts against.
type class string

const (
	unlimited class = ""
	queries   class = "queries"
	exports   class = "exports"
	// streaming counts as a query; the answer has no end and no deadline.
	streaming class = "streaming"
)

// Scopes of routes that need none of the log's own. A route whose scope is ""
// admits nobody.
const (
	noToken  audit.Scope = "no token"
	anyToken audit.Scope = "any token"
)

// route is one row of the API: the one place from which matching, the Allow
// header, scopes and limits come.
type route struct {
	method  string
	pattern string // {name} is one segment, {name...} at the end all others
	scope   audit.Scope
	class   class
	handle  func(*Server, *request) error
}

// tenantRoutes is where the routes below /v1/audit/ answer too.
const (
	auditRoutes  = "/v1/audit/"
	tenantRoutes = "/v1/t/{tenant_id}/audit/"
)

var routes = []route{
	{"GET", "/v1/health", noToken, unlimited, (*Server).health},
	{"GET", "/v1/health/ready", noToken, unlimited, (*Server).ready},
	{"GET", "/v1/health/detailed", audit.ScopeAdmin, queries, (*Server).detailed},
	{"GET", "/v1/version", noToken, unlimited, (*Server).version},
	{"GET", "/v1/auth/whoami", anyToken, queries, (*Server).whoami},

	{"GET", "/v1/audit/logs", audit.ScopeRead, queries, (*Server).listLogs},
	{"POST", "/v1/audit/logs", audit.ScopeWrite, unlimited, (*Server).appendLogs},
	{"POST", otlpRoute, audit.ScopeWrite, unlimited, (*Server).ingestOTLP},
	{"POST", "/v1/audit/ingest/vault", audit.ScopeWrite, unlimited, (*Server).ingestVault},
	{"GET", "/v1/audit/logs/{id}", audit.ScopeRead, queries, (*Server).getLog},
	{"GET", "/v1/audit/secrets/{path...}", audit.ScopeRead, queries, (*Server).secretTrail},
	{"GET", "/v1/audit/identities/{id}", audit.ScopeRead, queries, (*Server).identityTrail},
	{"GET", "/v1/audit/accesses", audit.ScopeRead, queries, (*Server).listAccesses},
	{"GET", "/v1/audit/values", audit.ScopeRead, queries, (*Server).listValues},
	{"GET", "/v1/audit/summary", audit.ScopeRead, queries, (*Server).summary},
	{"GET", "/v1/audit/stream", audit.ScopeRead, streaming, (*Server).stream},

	{"GET", "/v1/audit/checkpoint", audit.ScopeRead, queries, (*Server).checkpoint},
	{"GET", "/v1/audit/keys", audit.ScopeRead, queries, (*Server).keys},
	{"GET", "/v1/audit/proofs/inclusion", audit.ScopeRead, queries, (*Server).inclusion},
	{"GET", "/v1/audit/proofs/consistency", audit.ScopeRead, queries, (*Server).consistency},
	{"GET", "/v1/audit/proofs/trail", audit.ScopeRead, queries, (*Server).trailProof},

	{"POST", "/v1/audit/export", audit.ScopeExport, exports, (*Server).createExport},
	{"GET", "/v1/audit/exports", audit.ScopeExport, queries, (*Server).listExports},
	{"GET", "/v1/audit/exports/{id}", audit.ScopeExport, queries, (*Server).getExport},
	{"DELETE", "/v1/audit/exports/{id}", audit.ScopeExport, queries, (*Server).cancelExport},
	{"POST", "/v1/audit/exports/{id}/resume", audit.ScopeExport, exports, (*Server).resumeExport},

	{"GET", "/v1/audit/sinks", audit.ScopeAdmin, queries, (*Server).listSinks},
	{"POST", "/v1/audit/sinks", audit.ScopeAdmin, exports, (*Server).createSink},
	{"GET", "/v1/audit/sinks/{name}", audit.ScopeAdmin, queries, (*Server).getSink},
	{"DELETE", "/v1/audit/sinks/{name}", audit.ScopeAdmin, queries, (*Server).removeSink},
	{"GET", "/v1/audit/sinks/{name}/set-aside", audit.ScopeAdmin, queries, (*Server).setAside},
	{"POST", "/v1/audit/sinks/{name}/pause", audit.ScopeAdmin, queries, (*Server).pauseSink},
	{"POST", "/v1/audit/sinks/{name}/resume", audit.ScopeAdmin, queries, (*Server).resumeSink},
	{"POST", "/v1/audit/sinks/{name}/test", audit.ScopeAdmin, exports, (*Server).testSink},
}

// expand returns the routes together with those that name their tenant.
func expand(table []route) []route {
	all := append([]route(nil), table...)
	for _, rt := range table {
		if rest, ok := strings.CutPrefix(rt.pattern, auditRoutes); ok {
			rt.pattern = tenantRoutes + rest
			all = append(all, rt)
		}
	}
	return all
}

// find returns the route of a request and the values of its pattern's names.
// Without one, allow lists the methods that the path has; it is empty if there
// is no such path. Paths are compared as they were sent: nothing is cleaned,
// and no escape but those in a value is undone.
func find(table []route, method, escapedPath string) (rt *route, values map[string]string, allow []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := strings.Split(escapedPath, "/")
	for i := range table {
		v, ok := match(table[i].pattern, path)
		if !ok {
			continue
		}
		if table[i].method == method {
			return &table[i], v, nil
		}
		if allow = append(allow, table[i].method); table[i].method == http.MethodGet {
			allow = append(allow, http.MethodHead)
		}
	}
	return nil, nil, allow
}

// match compares a path with a pattern, segment by segment.
func match(pattern string, path []string) (values map[string]string, ok bool) {
	want := strings.Split(pattern, "/")
	for i, w := range want {
		if i == len(path) {
			return nil, false
		}
		name, named := strings.CutPrefix(w, "{")
		if !named {
			if path[i] != w {
				return nil, false
			}
			continue
		}
		text := path[i]
		name, all := strings.CutSuffix(name[:len(name)-1], "...")
		if all {
			text, path = strings.Join(path[i:], "/"), path[:i+1]
		}
		value, err := url.PathUnescape(text)
		if err != nil || value == "" && !all {
			return nil, false
		}
		if values == nil {
			values = make(map[string]string)
		}
		values[name] = value
	}
	return values, len(path) == len(want)
}
