package api

import (
	"container/list"
	"math"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/scaivault/audit"
)

// Rates in requests per minute and identity, unless configured otherwise.
const (
	DefaultQueryRate  = 1200
	DefaultExportRate = 30
)

// maxBuckets bounds the memory of a limiter, at some 250 bytes a bucket. When
// it is reached, the identity that has waited longest gets a full bucket next
// time: a gain only if more identities than this ask within one minute.
const maxBuckets = 50_000

// limiter keeps a token bucket per identity. It is safe for concurrent use.
type limiter struct {
	perMinute int

	mu      sync.Mutex // guards the following; never held during I/O
	buckets map[caller]*list.Element
	recent  *list.List // of *bucket, the latest used first
}

// caller is whose requests are counted. Identities are unique within their
// tenant; the tenant is that of the token, so that selecting another one does
// not multiply the rate.
type caller struct {
	tenant   audit.TenantID
	identity audit.IdentityID
}

type bucket struct {
	caller caller
	tokens *rate.Limiter
}

// allowance is what a limit says about one request.
type allowance struct {
	allowed   bool
	limit     int
	remaining int
	reset     time.Time     // when the bucket is full again
	wait      time.Duration // until a request is allowed, if this one is not
}

func newLimiter(perMinute, otherwise int) *limiter {
	if perMinute == 0 {
		perMinute = otherwise
	}
	return &limiter{
		perMinute: perMinute,
		buckets:   make(map[caller]*list.Element),
		recent:    list.New(),
	}
}

// take counts a request of c at now.
func (l *limiter) take(c caller, now time.Time) allowance {
	tokens := l.bucket(c)
	allowed := tokens.AllowN(now, 1)
	left := max(0, tokens.TokensAt(now))
	return allowance{
		allowed:   allowed,
		limit:     l.perMinute,
		remaining: int(left),
		reset:     now.Add(l.fill(float64(l.perMinute) - left)),
		wait:      l.fill(1 - left),
	}
}

// fill returns how long n tokens take to come.
func (l *limiter) fill(n float64) time.Duration {
	return time.Duration(n / float64(l.perMinute) * float64(time.Minute))
}

func (l *limiter) bucket(c caller) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.buckets[c]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket).tokens
	}
	if len(l.buckets) == maxBuckets {
		oldest := l.recent.Back()
		delete(l.buckets, l.recent.Remove(oldest).(*bucket).caller)
	}
	perSecond := rate.Limit(float64(l.perMinute) / time.Minute.Seconds())
	b := &bucket{c, rate.NewLimiter(perSecond, l.perMinute)}
	l.buckets[c] = l.recent.PushFront(b)
	return b.tokens
}

// limit counts the request against the class of its route and tells the
// client how much is left.
func (s *Server) limit(r *request) error {
	l := s.limits[r.route.class]
	if l == nil {
		return nil
	}
	a := l.take(caller{r.principal.Tenant, r.principal.IdentityID}, s.Clock())
	h := r.out.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(a.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(a.remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatInt(a.reset.Add(time.Second-1).Unix(), 10))
	if a.allowed {
		return nil
	}
	h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(a.wait.Seconds())))))
	return audit.Errorf(audit.CodeRateLimited,
		"more than %d requests a minute; wait as Retry-After says", a.limit)
}
