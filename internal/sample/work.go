package sample

import (
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/scaivault/audit"
)

// place is what kind of path an action concerns.
type place int

const (
	secret place = iota
	nowhere
	authority // of certificates
	database  // with dynamic credentials
)

// job is something that identities do.
type job struct {
	action   audit.Action
	weight   float64
	place    place
	typical  float64 // median duration in milliseconds
	failures float64 // share
	kind     extraKind
}

// extraKind is what the extra data of a job tells.
type extraKind int

const (
	nothing extraKind = iota
	version
	lease
	policy
	delivery
)

// work is what a kind of identity does, by weight.
type work struct {
	jobs []job
	sum  float64
}

func newWork(jobs ...job) work {
	w := work{jobs: jobs}
	for _, j := range jobs {
		w.sum += j.weight
	}
	return w
}

func (w *work) pick(r *rand.Rand) *job {
	x := r.Float64() * w.sum
	for i := range w.jobs {
		if x -= w.jobs[i].weight; x < 0 {
			return &w.jobs[i]
		}
	}
	return &w.jobs[0]
}

var serviceWork = newWork(
	job{audit.ActionRead, 80, secret, 4, 0.003, version},
	job{audit.ActionDynamicGenerate, 5, database, 45, 0.006, lease},
	job{audit.ActionDynamicRenew, 4, database, 12, 0.01, lease},
	job{audit.ActionCryptoOperation, 3, nowhere, 2, 0.001, nothing},
	job{audit.ActionLogin, 3, nowhere, 18, 0.004, nothing},
	job{audit.ActionList, 2, secret, 6, 0.002, nothing},
	job{audit.ActionPKIIssue, 1.5, authority, 60, 0.004, nothing},
	job{audit.ActionWrite, 1, secret, 9, 0.004, version},
)

var userWork = newWork(
	job{audit.ActionRead, 44, secret, 6, 0.012, version},
	job{audit.ActionList, 24, secret, 8, 0.004, nothing},
	job{audit.ActionLogin, 12, nowhere, 120, 0.03, nothing},
	job{audit.ActionWrite, 9, secret, 14, 0.008, version},
	job{audit.ActionLogout, 3, nowhere, 3, 0, nothing},
	job{audit.ActionRotate, 1.5, secret, 180, 0.01, version},
	job{audit.ActionDelete, 1.2, secret, 10, 0.02, nothing},
	job{audit.ActionPolicyUpdate, 1, nowhere, 12, 0.01, policy},
	job{audit.ActionPolicyCreate, 0.5, nowhere, 12, 0.01, policy},
	job{audit.ActionPolicyBind, 0.8, nowhere, 11, 0.01, policy},
	job{audit.ActionPolicyUnbind, 0.4, nowhere, 11, 0.01, policy},
	job{audit.ActionPolicyDelete, 0.2, nowhere, 11, 0.02, policy},
	job{audit.ActionPKISign, 0.6, authority, 70, 0.01, nothing},
	job{audit.ActionPKICACreate, 0.1, authority, 900, 0.02, nothing},
	job{audit.ActionExportCreated, 0.2, nowhere, 30, 0, nothing},
	job{audit.ActionTokenCreate, 0.5, nowhere, 9, 0, nothing},
	job{audit.ActionTokenRevoke, 0.3, nowhere, 7, 0, nothing},
	job{audit.ActionSystemChange, 0.2, nowhere, 25, 0.01, nothing},
)

var systemWork = newWork(
	job{audit.ActionRotate, 30, secret, 240, 0.012, version},
	job{audit.ActionDynamicRevoke, 20, database, 30, 0.006, lease},
	job{audit.ActionWebhookDelivery, 18, secret, 140, 0.03, delivery},
	job{audit.ActionSubscriptionEvent, 14, secret, 5, 0.002, nothing},
	job{audit.ActionIdentitySync, 8, nowhere, 800, 0.01, nothing},
	job{audit.ActionFederationSync, 6, nowhere, 650, 0.015, nothing},
	job{audit.ActionPKIRevoke, 4, authority, 40, 0.005, nothing},
)

// duration returns a time in milliseconds, log-normal around the typical one.
func (j *job) duration(r *rand.Rand) int32 {
	return int32(math.Min(60_000, j.typical*math.Exp(0.6*r.NormFloat64())))
}

// extra returns the extra data of a success.
func (j *job) extra(r *rand.Rand) string {
	switch j.kind {
	case version:
		if v := int(12 * r.Float64() * r.Float64()); v > 0 {
			return `{"version":` + strconv.Itoa(v) + `}`
		}
	case lease:
		return `{"lease_id":"` + requestID(r)[len("req_"):] + `","ttl":3600}`
	case policy:
		return policyData[r.IntN(len(policyData))]
	case delivery:
		return `{"status":200,"attempt":1}`
	}
	return "{}"
}

// incident is a time in which one identity fails again and again.
type incident struct {
	first, last int // hours
	share       float64
	who         *identity
	action      audit.Action
	path        audit.Path // "" for many
	address     string     // "" for the identity's own
	extra       string
}

// makeIncidents makes one every five days: a service whose credential has
// expired hammers one secret, or a stranger tries what an identity may read.
func (c *company) makeIncidents() []incident {
	var list []incident
	for h := 30; h < c.hours; h += 72 + c.rand.IntN(96) {
		i := incident{first: h, last: h + c.rand.IntN(3), share: 0.15 + 0.3*c.rand.Float64(), action: audit.ActionRead}
		if c.rand.IntN(3) == 0 {
			i.who, i.address = c.users.pick(), "198.51.100."+strconv.Itoa(1+c.rand.IntN(250))
			i.extra = `{"error":"permission denied","policy":"default"}`
		} else {
			i.who = c.services.pick()
			i.path = c.path(i.who, secret)
			i.extra = `{"error":"credential expired"}`
		}
		list = append(list, i)
	}
	return list
}

// incident returns the incident of hour h, or nil.
func (c *company) incident(h int) *incident {
	for i := range c.incidents {
		if c.incidents[i].first <= h && h <= c.incidents[i].last {
			return &c.incidents[i]
		}
	}
	return nil
}
