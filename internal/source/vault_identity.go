package source

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/scaivault/audit"
)

// unknown is the identity of a request that carries none: a token that does
// not exist, a failed login that names nobody.
const unknown = "unknown"

// identity says who asked: the entity, else the display name of the token,
// else a name of the login's metadata. A login is done by whom its new token
// belongs to; one that failed by whom its path names. Names have the prefix of
// their type, user: or sa:.
func (e *entry) identity(action audit.Action) (audit.IdentityID, audit.IdentityType) {
	who := &e.auth
	if action == audit.ActionLogin && e.answer.issued.name() != "" {
		who = &e.answer.issued
	}
	if name := who.name(); name != "" {
		kind := who.kind()
		return named(kind, name), kind
	}
	q := &e.request
	if q.address == "" && q.token == "" {
		return "system:vault", audit.TypeSystem // it tries out a new audit device
	}
	if action != audit.ActionLogin {
		return unknown, audit.TypeUser
	}
	kind := kindOfMethod(q.mountType, audit.TypeUser)
	mount, path := q.mountPath()
	if name, ok := strings.CutPrefix(path, "login/"); ok && mount != "" && name != "" {
		return named(kind, name), kind
	}
	return unknown, kind
}

// named returns the identity of that type and name, at most 256 characters.
func named(kind audit.IdentityType, name string) audit.IdentityID {
	prefix := "user:"
	if kind == audit.TypeServiceAccount {
		prefix = "sa:"
	}
	id := prefix + escape(name)
	if utf8.RuneCountInString(id) > audit.MaxIdentityID {
		id = cutHashed(id, audit.MaxIdentityID) // fewer characters than bytes
	}
	return audit.IdentityID(id)
}

// name returns what the caller is known by.
func (c *caller) name() string {
	if c.entityID != "" {
		return c.entityID
	}
	if c.displayName != "" {
		return c.displayName
	}
	metadata := c.metadataNames()
	for _, key := range nameKeys {
		if name := metadata[key.name]; name != "" {
			return name
		}
	}
	return ""
}

// nameKeys are the metadata that Vault's login methods put into a token and
// that name its holder, with the type of identity that they speak of.
var nameKeys = [...]struct {
	name string
	kind audit.IdentityType
}{
	{"username", audit.TypeUser},
	{"service_account_name", audit.TypeServiceAccount},
	{"role_name", audit.TypeServiceAccount},
	{"role", audit.TypeServiceAccount},
}

func (c *caller) metadataNames() map[string]string {
	var names map[string]string
	if json.Unmarshal([]byte(c.metadata), &names) != nil {
		return nil // no metadata, or not of strings only
	}
	return names
}

// kind says what type of identity the caller is. No line tells; a display name
// begins with the login method, or the mount named after it. Who is known by
// neither is a program: that is who tokens are made for.
func (c *caller) kind() audit.IdentityType {
	for word := range strings.SplitSeq(c.displayName, "-") {
		if kind := kindOfMethod(word, ""); kind != "" {
			return kind
		}
	}
	metadata := c.metadataNames()
	for _, key := range nameKeys {
		if metadata[key.name] != "" {
			return key.kind
		}
	}
	return audit.TypeServiceAccount
}

// kindOfMethod returns who logs in by a method, or otherwise.
func kindOfMethod(method string, otherwise audit.IdentityType) audit.IdentityType {
	switch method {
	case "root", "userpass", "ldap", "oidc", "github", "okta", "radius", "saml", "kerberos":
		return audit.TypeUser
	case "approle", "kubernetes", "jwt", "aws", "gcp", "azure", "alicloud", "oci", "cf", "cert",
		"token", "spiffe":
		return audit.TypeServiceAccount
	}
	return otherwise
}
