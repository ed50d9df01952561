package auth

import (
	"math"
	"strconv"
	"time"

	"github.com/scaivault/audit"
)

// DefaultLifetime is how long a token lives unless its maker says otherwise.
const DefaultLifetime = 90 * 24 * time.Hour

// ParseLifetime reads how long a token shall live: a positive integer and one
// of the units s, m, h and d, as in 90d.
func ParseLifetime(s string) (time.Duration, error) {
	if d, ok := parseLifetime(s); ok {
		return d, nil
	}
	return 0, audit.Errorf(audit.CodeValidationError,
		"lifetime %q: want a positive integer and one of the units s, m, h and d, as in 90d", s)
}

func parseLifetime(s string) (time.Duration, bool) {
	if s == "" || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	last := len(s) - 1
	var unit time.Duration
	switch s[last] {
	case 's':
		unit = time.Second
	case 'm':
		unit = time.Minute
	case 'h':
		unit = time.Hour
	case 'd':
		unit = 24 * time.Hour
	default:
		return 0, false
	}
	n, err := strconv.ParseInt(s[:last], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
