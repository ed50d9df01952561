package source

import (
	"strings"

	"github.com/scaivault/audit"
)

// rule gives requests below a mount their action: those whose operation is
// among ops and whose path within the mount fits the pattern. In a pattern *
// stands for one segment and a final ** for any number of them.
type rule struct {
	ops     ops
	pattern string
	action  audit.Action
}

// ops is a set of operations.
type ops int

const (
	reads ops = 1 << iota
	lists
	creates
	updates // update, patch, and what nobody knows yet
	deletes
	changes = creates | updates
)

// kindOf returns the operation as a set of one.
func kindOf(operation string) ops {
	switch operation {
	case "read", "help", "header", "alias-lookahead", "resolve-role":
		return reads
	case "list", "scan":
		return lists
	case "create":
		return creates
	case "delete":
		return deletes
	}
	return updates
}

// action says what a request does. The first rule that fits decides; without
// one a read is a read, and so on.
func (q *request) action() audit.Action {
	switch q.operation {
	case "renew":
		return audit.ActionDynamicRenew
	case "revoke":
		return audit.ActionDynamicRevoke
	case "help":
		return audit.ActionRead
	}
	mount, path := q.mountPath()
	engine := q.engine(mount)
	kind := kindOf(q.operation)
	for _, r := range rules[engine] {
		if r.ops&kind != 0 && fits(path, r.pattern) {
			return r.action
		}
	}
	if kind&changes != 0 && (engine == engineAuth || engine == engineIdentity) {
		switch {
		case q.bindsPolicies:
			return audit.ActionPolicyBind
		case q.unbindsPolicies:
			return audit.ActionPolicyUnbind
		}
	}
	return plainAction(kind)
}

func plainAction(kind ops) audit.Action {
	switch kind {
	case reads:
		return audit.ActionRead
	case lists:
		return audit.ActionList
	case deletes:
		return audit.ActionDelete
	}
	return audit.ActionWrite
}

// fits reports whether a path is of the pattern's form.
func fits(path, pattern string) bool {
	for pattern != "" {
		var want, segment string
		if want, pattern, _ = strings.Cut(pattern, "/"); want == "**" {
			return true
		}
		segment, path, _ = strings.Cut(path, "/")
		if segment == "" || want != "*" && want != segment {
			return false
		}
	}
	return path == ""
}

// engine is a family of mounts that share their rules.
type engine int

const (
	engineDynamic engine = iota // databases, clouds and all that nobody named
	engineKV
	engineSystem
	engineToken
	engineAuth
	engineIdentity
	engineTransit
	enginePKI
	engineSSH
	engineTOTP
)

// engine returns the family of the request's mount: by its type, else (the
// request was refused before it reached one) by the name of its mount point.
func (q *request) engine(mount string) engine {
	kind := q.mountType
	if kind == "" {
		kind = strings.TrimSuffix(mount, "/")
	}
	switch strings.TrimPrefix(kind, "ns_") { // the mounts of a namespace
	case "system", "sys":
		return engineSystem
	case "token", "auth/token":
		return engineToken
	case "identity":
		return engineIdentity
	case "kv", "generic", "cubbyhole", "secret":
		return engineKV
	case "transit", "transform", "gcpkms":
		return engineTransit
	case "pki":
		return enginePKI
	case "ssh":
		return engineSSH
	case "totp":
		return engineTOTP
	}
	if q.mountClass == "auth" || strings.HasPrefix(mount, "auth/") {
		return engineAuth
	}
	return engineDynamic
}
