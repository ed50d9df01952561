// Package source turns other systems' audit streams into events of this log.
//
// HashiCorp Vault and OpenBao write one JSON line when a request comes in and
// another when it is answered. A [Pairer] takes the lines as they come, joins
// the two of a request and gives one [audit.Event] for both. Losing a line of
// an audit log is worse than keeping an odd one: whatever such a line holds
// becomes a valid event, and what does not fit is cut on record.
package source

// maxText is the longest text that is kept of one member of a line, in bytes;
// a list counts as a whole. Lines are read token by token: an answer of many
// megabytes costs no more memory than its largest string.
const maxText = 4 << 10
