package sink

import (
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// ecsVersion is the version of the Elastic Common Schema that is written.
const ecsVersion = "8.17.0"

// ecsKind is the category and the type of an action. Reading a secret has no
// category of its own: authentication would make a login of it.
type ecsKind struct{ category, kind string }

var ecsKinds = map[audit.Action]ecsKind{
	audit.ActionRead: {"", "access"}, audit.ActionList: {"", "access"}, audit.ActionAuditRead: {"", "access"},
	audit.ActionWrite: {"", "change"}, audit.ActionDelete: {"", "deletion"},
	audit.ActionRotate:       {"configuration", "change"},
	audit.ActionPolicyCreate: {"iam", "creation"}, audit.ActionPolicyUpdate: {"iam", "change"},
	audit.ActionPolicyDelete: {"iam", "deletion"}, audit.ActionPolicyBind: {"iam", "change"},
	audit.ActionPolicyUnbind: {"iam", "change"}, audit.ActionIdentitySync: {"iam", "change"},
	audit.ActionFederationSync: {"iam", "change"}, audit.ActionTokenCreate: {"iam", "creation"},
	audit.ActionTokenRevoke: {"iam", "deletion"},
	audit.ActionPKIIssue:    {"", "creation"}, audit.ActionPKISign: {"", "creation"},
	audit.ActionPKIRevoke: {"", "deletion"}, audit.ActionPKICACreate: {"configuration", "creation"},
	audit.ActionDynamicGenerate: {"", "creation"}, audit.ActionDynamicRenew: {"", "change"},
	audit.ActionDynamicRevoke: {"", "deletion"}, audit.ActionExportCreated: {"", "creation"},
	audit.ActionLogin: {"authentication", "start"}, audit.ActionLogout: {"authentication", "end"},
	audit.ActionSystemChange: {"configuration", "change"}, audit.ActionRetentionApplied: {"", "deletion"},
	audit.ActionHoldPlaced: {"configuration", "creation"}, audit.ActionHoldLifted: {"configuration", "deletion"},
}

// appendECS appends a document of the Elastic Common Schema. What the schema has
// no field for stands under scaivault; the extra data is text there, since
// fields that differ from event to event fill an index with mappings.
func (f *form) appendECS(dst []byte, r *record) []byte {
	dst = append(dst, `{"@timestamp":"`...)
	dst = r.Timestamp.Append(dst)
	dst = append(dst, `","ecs":{"version":"`+ecsVersion+`"}`...)
	dst = ecsEvent(dst, r)
	dst = member(dst, `,"user":{"id":`, string(r.IdentityID))
	dst = member(dst, `,"name":`, ecsName(r.IdentityID))
	dst = append(dst, '}')
	if r.SourceIP != "" {
		dst = append(member(dst, `,"source":{"ip":`, r.SourceIP), '}')
	}
	if r.UserAgent != "" {
		dst = append(member(dst, `,"user_agent":{"original":`, r.UserAgent), '}')
	}
	if r.RequestID != "" {
		dst = append(member(dst, `,"http":{"request":{"id":`, r.RequestID), '}', '}')
	}
	dst = member(dst, `,"organization":{"id":`, string(f.tenant))
	dst = append(dst, `},"service":{"name":"scaivault","type":"scaivault"},"related":{"user":[`...)
	dst = append(audit.AppendString(dst, string(r.IdentityID)), ']')
	if r.SourceIP != "" {
		dst = append(member(dst, `,"ip":[`, r.SourceIP), ']')
	}
	dst = member(dst, `},"scaivault":{"identity":{"type":`, string(r.IdentityType))
	dst = append(dst, '}')
	if r.SecretPath != "" {
		dst = append(member(dst, `,"secret":{"path":`, string(r.SecretPath)), '}')
	}
	if r.ExtraData != "" && r.ExtraData != "{}" {
		dst = member(dst, `,"extra_data":`, r.ExtraData)
	}
	return append(dst, '}', '}')
}

func ecsEvent(dst []byte, r *record) []byte {
	kind := ecsKinds[r.Action]
	if kind.kind == "" {
		kind.kind = "info"
	}
	outcome, result := "success", "allowed"
	if !r.Success {
		outcome, result = "failure", "error" // denied or not, an event does not say
	}
	dst = append(dst, `,"event":{"kind":"event"`...)
	if kind.category != "" {
		dst = append(member(dst, `,"category":[`, kind.category), ']')
	}
	dst = member(dst, `,"type":[`, kind.kind)
	if kind.kind == "access" || kind.category == "iam" { // they go with a second type
		dst = member(dst, `,`, result)
	}
	dst = member(dst, `],"action":`, string(r.Action))
	dst = member(dst, `,"outcome":`, outcome)
	dst = append(dst, `,"module":"scaivault","dataset":"scaivault.audit","duration":`...)
	dst = strconv.AppendInt(dst, int64(r.DurationMS)*1_000_000, 10) // nanoseconds
	dst = member(dst, `,"id":`, string(r.ID))
	dst = number(dst, `,"sequence":`, int64(r.index))
	return append(dst, '}')
}

// ecsName is an identity without the prefix that says its type.
func ecsName(id audit.IdentityID) string {
	if _, name, ok := strings.Cut(string(id), ":"); ok && name != "" {
		return name
	}
	return string(id)
}
