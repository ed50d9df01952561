package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/scaivault/audit"
)

// checkJSON checks the text of a value, member by member.
func checkJSON(t *testing.T, v any, want string) {
	t.Helper()
	if got, err := json.Marshal(v); err != nil || string(got) != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
}

const (
	epoch  = `"1970-01-01T00:00:00.000000Z"`
	second = `"1970-01-01T00:00:01.000000Z"`
	day    = `"1970-01-02T00:00:00.000000Z"`

	people  = `"top_identities":[{"identity_id":"sa:reporting","count":2}]`
	secrets = `"top_resources":[{"path":"a/b","count":2}]`
)

var (
	topPeople  = []audit.IdentityCount{{IdentityID: "sa:reporting", Count: 2}}
	topSecrets = []audit.PathCount{{Path: "a/b", Count: 2}}
)

func TestSummaryJSON(t *testing.T) {
	s := audit.Summary{
		TotalEvents: 3, SuccessfulEvents: 2, FailedEvents: 1,
		ActionsBreakdown: map[audit.Action]uint64{"read": 3},
		TopIdentities:    topPeople, TopResources: topSecrets, To: audit.Day, AsOf: 9,
	}
	text := `{"total_events":3,"successful_events":2,"failed_events":1,"actions_breakdown":{"read":3},` +
		people + `,` + secrets + `,"from":` + epoch + `,"to":` + day + `,"as_of":9`
	checkJSON(t, s, text+`}`)
	s.Timeline = []audit.Bucket{{Start: audit.Second, TotalEvents: 2, FailedEvents: 1}}
	checkJSON(t, s, text+`,"timeline":[{"start":`+second+`,"total_events":2,"failed_events":1}]}`)
}

func TestTrailSummaryJSON(t *testing.T) {
	at := audit.Second
	trail := audit.TrailSummary{
		PeriodDays: 30, To: audit.Day, TotalEvents: 3, SuccessfulEvents: 2, FailedEvents: 1,
		ActionsBreakdown: map[audit.Action]uint64{"write": 1, "read": 2}, FirstAccessedAt: &at,
	}
	text := `{"period_days":30,"from":` + epoch + `,"to":` + day + `,"total_events":3,"successful_events":2,` +
		`"failed_events":1,"actions_breakdown":{"read":2,"write":1},"first_accessed_at":` + second +
		`,"last_accessed_at":null,`
	checkJSON(t, audit.SecretSummary{TrailSummary: trail, UniqueIdentities: 1, TopIdentities: topPeople},
		text+`"unique_identities":1,`+people+`}`)
	checkJSON(t, audit.IdentitySummary{TrailSummary: trail, UniqueResources: 1, TopResources: topSecrets},
		text+`"unique_resources":1,`+secrets+`}`)
}

func TestAccessJSON(t *testing.T) {
	a := audit.Access{
		IdentityID: "user:a", IdentityType: "user", Path: "a", Count: 2, Failed: 1, LastAt: audit.Second,
		ActionsBreakdown: map[audit.Action]uint64{"read": 2},
	}
	checkJSON(t, a, `{"identity_id":"user:a","identity_type":"user","path":"a","count":2,"failed":1,`+
		`"actions_breakdown":{"read":2},"first_at":`+epoch+`,"last_at":`+second+`,"path_rotated_at":null}`)
}

func TestValuesJSON(t *testing.T) {
	v := audit.Values{Values: []audit.Value{{Value: "a", Count: 1, LastAt: audit.Second}}}
	text := `{"values":[{"value":"a","count":1,"first_at":` + epoch + `,"last_at":` + second + `}]`
	checkJSON(t, v, text+`}`)
	v.Partial = true
	checkJSON(t, v, text+`,"partial":true}`)
}
