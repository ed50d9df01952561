package ui

import (
	"hash/fnv"
	"net/url"
	"strings"
	"unicode"

	"github.com/scaivault/audit"
)

// identity is who acted, as pages show it: a monogram, an icon of the type,
// and the id with its quiet parts apart.
type identity struct {
	ID     string
	Prefix string // user:, quiet
	Name   string
	Domain string // @example.org, quiet
	Mono   string // two letters
	Class  string // user, sa, group or system
	Hue    uint32 // of ten
	Label  string // the type in words
	URL    string
}

func newIdentity(id audit.IdentityID, typ audit.IdentityType) *identity {
	h := fnv.New32a()
	h.Write([]byte(id))
	x := &identity{ID: string(id), Name: string(id), Hue: h.Sum32() % 10, URL: identityURL(id)}
	for _, prefix := range []string{"user:", "sa:", "group:", "system:"} {
		if name, ok := strings.CutPrefix(x.Name, prefix); ok && name != "" {
			x.Prefix, x.Name = prefix, name
			break
		}
	}
	if i := strings.LastIndexByte(x.Name, '@'); i > 0 {
		x.Name, x.Domain = x.Name[:i], x.Name[i:]
	}
	x.Mono = monogram(x.Name)
	x.Class, x.Label = classOf(typ, x.Prefix)
	return x
}

// classOf returns the style and the name of a type; without a type the prefix
// of the id tells it.
func classOf(typ audit.IdentityType, prefix string) (class, label string) {
	switch {
	case typ == audit.TypeServiceAccount || typ == "" && prefix == "sa:":
		return "sa", "service account"
	case typ == audit.TypeGroup || typ == "" && prefix == "group:":
		return "group", "group"
	case typ == audit.TypeSystem || typ == "" && prefix == "system:":
		return "system", "system"
	}
	return "user", "user"
}

// monogram returns the first letters of the first two words, or of the only one.
func monogram(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var m []rune
	switch len(words) {
	case 0:
		return "?"
	case 1:
		m = []rune(words[0])
		m = m[:min(2, len(m))]
	default:
		m = []rune{[]rune(words[0])[0], []rune(words[1])[0]}
	}
	return strings.ToUpper(string(m))
}

func identityURL(id audit.IdentityID) string {
	return "/ui/identities/" + url.PathEscape(string(id))
}

// secretPath is a path as pages show it: the last segment stands out, and each
// leading one is a link where there is room.
type secretPath struct {
	Path string
	Pre  []segment
	Last string
	URL  string
}

type segment struct {
	Name, URL string // of the events below it
}

func newPath(p audit.Path) *secretPath {
	if p == "" {
		return nil
	}
	segments := strings.Split(string(p), "/")
	x := &secretPath{Path: string(p), Last: segments[len(segments)-1], URL: secretURL(p)}
	prefix := ""
	for _, name := range segments[:len(segments)-1] {
		prefix += name
		below := url.Values{"path_prefix": {prefix}, "range": {"30d"}}
		x.Pre = append(x.Pre, segment{name, "/ui/?" + below.Encode()})
		prefix += "/"
	}
	return x
}

func secretURL(p audit.Path) string {
	segments := strings.Split(string(p), "/")
	for i := range segments {
		segments[i] = url.PathEscape(segments[i])
	}
	return "/ui/secrets/" + strings.Join(segments, "/")
}

// actionIcon returns the name of the icon of an action.
func actionIcon(a audit.Action) string {
	switch a {
	case audit.ActionRead, audit.ActionAuditRead:
		return "read"
	case audit.ActionWrite:
		return "write"
	case audit.ActionDelete:
		return "delete"
	case audit.ActionList:
		return "list"
	case audit.ActionRotate:
		return "rotate"
	case audit.ActionLogin, audit.ActionLogout, audit.ActionTokenCreate, audit.ActionTokenRevoke,
		audit.ActionCryptoOperation:
		return "key"
	case audit.ActionExportCreated:
		return "box"
	case audit.ActionRangeSealed, audit.ActionHoldPlaced, audit.ActionHoldLifted, audit.ActionRetentionApplied:
		return "seal"
	case audit.ActionAuditGap:
		return "alert"
	}
	family, _, _ := strings.Cut(string(a), "_")
	switch family {
	case "policy", "pki", "dynamic":
		return family
	}
	return "system"
}
