package ui

import (
	"net/http"

	"github.com/scaivault/audit"
)

// maxSuggested is how many values of a field are suggested.
const maxSuggested = 5

// suggestions are what somebody may mean who types into the filter field.
type suggestions struct {
	Groups []suggestionGroup
	Empty  bool
}

type suggestionGroup struct {
	Name string
	List []suggestion
}

type suggestion struct {
	ID    int
	URL   string
	Who   *identity
	Path  *secretPath
	Text  string
	Icon  string
	Count string
}

// suggest answers GET /ui/suggest: values of the last thirty days that contain
// the text, from the dictionaries of the log.
func (s *Server) suggest(p *page) error {
	if err := p.may(audit.ScopeRead); err != nil {
		return err
	}
	st := readState(p.r.URL.RawQuery, p.now)
	text := p.r.URL.Query().Get("q")
	x, n := suggestions{}, 0
	add := func(name string, list []suggestion) {
		for i := range list {
			list[i].ID = n
			n++
		}
		if len(list) > 0 {
			x.Groups = append(x.Groups, suggestionGroup{name, list})
		}
	}
	if path, err := audit.ParsePrefix(text); err == nil && text != "" {
		add("Filter", []suggestion{{URL: st.only("path_prefix", string(path)), Icon: "file",
			Text: "path under " + string(path)}})
	}
	for _, f := range []struct {
		field audit.ValuesField
		name  string
	}{
		{audit.FieldIdentityID, "Identities"}, {audit.FieldSecretPath, "Secrets"},
		{audit.FieldAction, "Actions"}, {audit.FieldSourceIP, "Addresses"},
	} {
		q := audit.ValuesQuery{Field: f.field, Contains: text, Limit: maxSuggested, Within: p.who.PathPrefixes}
		q.Default(p.now)
		found, err := s.Log.Values(p.r.Context(), p.tenant, q)
		if err != nil {
			return err
		}
		list := make([]suggestion, 0, len(found.Values))
		for _, v := range found.Values {
			list = append(list, suggest(&st, f.field, v))
		}
		add(f.name, list)
	}
	x.Empty = n == 0
	s.render(p.w, p.r, http.StatusOK, "suggest-part", x)
	return nil
}

// suggest turns a value of a field into a suggestion.
func suggest(st *state, field audit.ValuesField, v audit.Value) suggestion {
	x := suggestion{URL: st.only(string(field), v.Value), Count: number(v.Count)}
	switch field {
	case audit.FieldIdentityID:
		x.Who = newIdentity(audit.IdentityID(v.Value), "")
	case audit.FieldSecretPath:
		x.Path = newPath(audit.Path(v.Value))
	case audit.FieldAction:
		x.Text, x.Icon = v.Value, actionIcon(audit.Action(v.Value))
	default:
		x.Text, x.Icon = v.Value, "globe"
	}
	return x
}
