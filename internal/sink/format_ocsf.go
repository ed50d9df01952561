package sink

import (
	"github.com/scaivault/audit"
)

// Numbers of OCSF: the class API Activity of the category Application Activity,
// and what the enumerations of its attributes mean.
const (
	ocsfCategory = 6
	ocsfClass    = 6003
	ocsfOther    = 99

	ocsfSuccess, ocsfFailure      = 1, 2
	ocsfInformational, ocsfMedium = 1, 3
)

// ocsfActivity says what kind of activity an action is: 1 create, 2 read, 3
// update, 4 delete; those that are missing are others, by their own name.
var ocsfActivity = map[audit.Action]int64{
	audit.ActionPolicyCreate: 1, audit.ActionPKIIssue: 1, audit.ActionPKISign: 1, audit.ActionPKICACreate: 1,
	audit.ActionDynamicGenerate: 1, audit.ActionExportCreated: 1, audit.ActionTokenCreate: 1,
	audit.ActionHoldPlaced: 1,
	audit.ActionRead:       2, audit.ActionList: 2, audit.ActionAuditRead: 2,
	audit.ActionWrite: 3, audit.ActionRotate: 3, audit.ActionPolicyUpdate: 3, audit.ActionPolicyBind: 3,
	audit.ActionDynamicRenew: 3, audit.ActionSystemChange: 3,
	audit.ActionDelete: 4, audit.ActionPolicyDelete: 4, audit.ActionPolicyUnbind: 4, audit.ActionPKIRevoke: 4,
	audit.ActionDynamicRevoke: 4, audit.ActionTokenRevoke: 4, audit.ActionHoldLifted: 4,
	audit.ActionRetentionApplied: 4,
}

var ocsfActivityNames = map[int64]string{1: "Create", 2: "Read", 3: "Update", 4: "Delete"}

// ocsfNumbered is the first version in which a user's type can be a service and
// a resource has a role. Older ones get the type in words.
const ocsfNumbered = "1.6.0"

// appendOCSF appends an event of the class API Activity (6003), with all of the
// attributes that the schema requires and of those that it recommends what the
// event knows. Versions compare as text, as long as they have one digit each.
func (f *form) appendOCSF(dst []byte, r *record) []byte {
	activity, known := ocsfActivity[r.Action]
	name := ocsfActivityNames[activity]
	if !known {
		activity, name = ocsfOther, string(r.Action)
	}
	dst = number(dst, `{"activity_id":`, activity)
	dst = member(dst, `,"activity_name":`, name)
	dst = number(dst, `,"category_uid":`, ocsfCategory)
	dst = number(dst, `,"class_uid":`, ocsfClass)
	dst = number(dst, `,"type_uid":`, ocsfClass*100+activity)
	dst = number(dst, `,"time":`, int64(r.Timestamp/millisecond))
	dst = number(dst, `,"duration":`, int64(r.DurationMS))
	dst = ocsfOutcome(dst, r.Success)
	dst = f.ocsfMetadata(dst, r)
	dst = f.ocsfActor(dst, r)
	dst = member(dst, `,"api":{"operation":`, string(r.Action))
	dst = append(dst, `,"service":{"name":"`+vendor+`"}`...)
	if r.RequestID != "" {
		dst = append(member(dst, `,"request":{"uid":`, r.RequestID), '}')
	}
	dst = append(dst, '}')
	dst = ocsfSource(dst, r)
	if r.UserAgent != "" {
		dst = append(member(dst, `,"http_request":{"user_agent":`, r.UserAgent), '}')
	}
	if r.SecretPath != "" {
		dst = f.ocsfResource(dst, r)
	}
	dst = append(append(dst, `,"unmapped":{"extra_data":`...), r.extra()...)
	return append(dst, '}', '}')
}

func ocsfOutcome(dst []byte, success bool) []byte {
	status, severity := int64(ocsfSuccess), int64(ocsfInformational)
	if !success {
		status, severity = ocsfFailure, ocsfMedium
	}
	dst = number(dst, `,"severity_id":`, severity)
	return number(dst, `,"status_id":`, status)
}

func (f *form) ocsfMetadata(dst []byte, r *record) []byte {
	dst = member(dst, `,"metadata":{"version":`, f.ocsf)
	dst = member(dst, `,"product":{"name":"`+product+`","vendor_name":"`+vendor+`","version":`, f.version)
	dst = member(dst, `},"uid":`, string(r.ID))
	dst = number(dst, `,"sequence":`, int64(r.index))
	dst = member(dst, `,"tenant_uid":`, string(f.tenant))
	dst = append(dst, `,"log_name":"audit","original_time":"`...)
	dst = append(r.Timestamp.Append(dst), '"')
	if r.RequestID != "" {
		dst = member(dst, `,"correlation_uid":`, r.RequestID)
	}
	return append(dst, '}')
}

// ocsfActor appends who acted. A group stands as the user, too: an actor is a
// user, a process or the like.
func (f *form) ocsfActor(dst []byte, r *record) []byte {
	kind, name := int64(ocsfOther), string(r.IdentityType)
	switch {
	case r.IdentityType == audit.TypeUser:
		kind, name = 1, "User"
	case r.IdentityType == audit.TypeSystem:
		kind, name = 3, "System"
	case r.IdentityType == audit.TypeServiceAccount && f.ocsf >= ocsfNumbered:
		kind, name = 4, "Service"
	}
	dst = member(dst, `,"actor":{"user":{"uid":`, string(r.IdentityID))
	dst = member(dst, `,"name":`, string(r.IdentityID))
	dst = number(dst, `,"type_id":`, kind)
	dst = member(dst, `,"type":`, name)
	if r.IdentityType == audit.TypeGroup {
		dst = append(member(dst, `,"groups":[{"name":`, string(r.IdentityID)), '}', ']')
	}
	return append(dst, '}', '}')
}

// ocsfSource appends where it came from. The schema wants an address or a name
// of some kind.
func ocsfSource(dst []byte, r *record) []byte {
	switch {
	case r.SourceIP != "":
		dst = member(dst, `,"src_endpoint":{"ip":`, r.SourceIP)
	case r.IdentityType == audit.TypeSystem:
		dst = member(dst, `,"src_endpoint":{"svc_name":`, string(r.IdentityID))
	default:
		dst = append(dst, `,"src_endpoint":{"name":"unknown"`...)
	}
	return append(dst, '}')
}

func (f *form) ocsfResource(dst []byte, r *record) []byte {
	dst = member(dst, `,"resources":[{"uid":`, string(r.SecretPath))
	dst = member(dst, `,"name":`, string(r.SecretPath))
	dst = member(dst, `,"type":"secret","namespace":`, string(f.tenant))
	if f.ocsf >= ocsfNumbered {
		dst = append(dst, `,"role_id":1`...)
	}
	return append(dst, '}', ']')
}
