package audit

// IdentityCount is an identity and its number of events.
type IdentityCount struct {
	IdentityID IdentityID `json:"identity_id"`
	Count      uint64     `json:"count"`
}

// PathCount is a path and its number of events.
type PathCount struct {
	Path  Path   `json:"path"`
	Count uint64 `json:"count"`
}

// Summary counts the events of a range. All counts are exact; the top lists
// are ordered by count, ties by name.
type Summary struct {
	TotalEvents      uint64            `json:"total_events"`
	SuccessfulEvents uint64            `json:"successful_events"`
	FailedEvents     uint64            `json:"failed_events"`
	ActionsBreakdown map[Action]uint64 `json:"actions_breakdown"` // counts > 0 only
	TopIdentities    []IdentityCount   `json:"top_identities"`
	TopResources     []PathCount       `json:"top_resources"`
	From             Time              `json:"from"`  // inclusive
	To               Time              `json:"to"`    // exclusive
	AsOf             uint64            `json:"as_of"` // the log's size that was counted
	Timeline         []Bucket          `json:"timeline,omitempty"`
}

// Bucket counts the events of one interval of a timeline.
type Bucket struct {
	Start        Time   `json:"start"`
	TotalEvents  uint64 `json:"total_events"`
	FailedEvents uint64 `json:"failed_events"`
}

// TrailPeriod is what the summary of a trail looks back on.
const TrailPeriod = 30 * Day

// TrailSummary counts the events of one secret or one identity in the
// [TrailPeriod] before now.
type TrailSummary struct {
	PeriodDays       int               `json:"period_days"`
	From             Time              `json:"from"`
	To               Time              `json:"to"`
	TotalEvents      uint64            `json:"total_events"`
	SuccessfulEvents uint64            `json:"successful_events"`
	FailedEvents     uint64            `json:"failed_events"`
	ActionsBreakdown map[Action]uint64 `json:"actions_breakdown"`
	FirstAccessedAt  *Time             `json:"first_accessed_at"` // nil if there was none
	LastAccessedAt   *Time             `json:"last_accessed_at"`
}

// SecretSummary is the summary of a secret's trail.
type SecretSummary struct {
	TrailSummary
	UniqueIdentities int             `json:"unique_identities"`
	TopIdentities    []IdentityCount `json:"top_identities"`
}

// IdentitySummary is the summary of an identity's trail.
type IdentitySummary struct {
	TrailSummary
	UniqueResources int         `json:"unique_resources"`
	TopResources    []PathCount `json:"top_resources"`
}

// SecretTrail is the story of one secret: its events, newest first, and the
// summary of the period before now.
type SecretTrail struct {
	Page
	Path    Path
	Summary SecretSummary
}

// IdentityTrail is the story of one identity.
type IdentityTrail struct {
	Page
	IdentityID IdentityID
	// IdentityType is the type of the identity's newest event in the whole
	// log; "" if it was never seen.
	IdentityType IdentityType
	Summary      IdentitySummary
}

// Access is what one identity did to one secret.
type Access struct {
	IdentityID       IdentityID        `json:"identity_id"`
	IdentityType     IdentityType      `json:"identity_type"`
	Path             Path              `json:"path"`
	Count            uint64            `json:"count"`
	Failed           uint64            `json:"failed"`
	ActionsBreakdown map[Action]uint64 `json:"actions_breakdown"`
	FirstAt          Time              `json:"first_at"`
	LastAt           Time              `json:"last_at"`
	// PathRotatedAt is when anyone last rotated or wrote the secret with
	// success; nil if never.
	PathRotatedAt *Time `json:"path_rotated_at"`
}

// AccessPage is a part of the accesses, the latest LastAt first, ties by
// identity and path.
type AccessPage struct {
	Accesses []Access
	Next     *Cursor
}

// Value is a value of a field, with the number of events that have it.
type Value struct {
	Value   string `json:"value"`
	Count   uint64 `json:"count"`
	FirstAt Time   `json:"first_at"`
	LastAt  Time   `json:"last_at"`
}

// Values answers a [ValuesQuery].
type Values struct {
	Values  []Value `json:"values"`
	Partial bool    `json:"partial,omitempty"` // the deadline cut the answer
}

// News answers a [NewsQuery]: the values that were first seen last come first,
// ties by name.
type News struct {
	Values []NewValue
	Total  int // how many there are
}

// NewValue is a value that was first seen in a range, with the number of events
// that have it there.
type NewValue struct {
	Value   string
	Count   uint64
	FirstAt Time
}

// Branch is a part of the tree of paths: a folder with all below it, or a
// secret. A path that is also a prefix of others is both.
type Branch struct {
	Path    Path // of the secret, or the folder's prefix
	Folder  bool
	Events  uint64
	Secrets uint64 // how many there are in a folder
	LastAt  Time   // of the latest event
}

// Branches answers a [BranchQuery]. What it says of all branches is of those
// that are not listed too.
type Branches struct {
	Branches []Branch
	Total    int    // how many there are
	Events   uint64 // of all
	Secrets  uint64 // of all
	Most     uint64 // events of the largest
	Partial  bool   // the deadline cut the answer
}
