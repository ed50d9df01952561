package blob

import "time"

// WithAttempts returns the configuration with that many attempts and pauses
// of a millisecond.
func WithAttempts(c Config, n int) Config {
	c.retry = retry{attempts: n, min: time.Millisecond, max: 2 * time.Millisecond}
	return c
}

// CheckAddress asks the guard about the resolved address of a connection to an
// endpoint that the operator named, or did not.
func (g *Guard) CheckAddress(addr string, named bool) error { return g.check(addr, named) }
