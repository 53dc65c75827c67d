package gate

import (
	"container/list"
	"sync"
	"time"
)

// maxKeys bounds how many keys a limiter knows.
const maxKeys = 10_000

// limiter gives each key so many at once, and then so many a second.
type limiter struct {
	rate, burst float64

	mu   sync.Mutex
	keys map[string]*list.Element // of *allowance
	used *list.List               // the last used first
}

// allowance is what a key had left at an instant.
type allowance struct {
	key  string
	left float64
	at   time.Time
}

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, keys: map[string]*list.Element{}, used: list.New()}
}

// take takes one, or says how long to wait for the next.
func (l *limiter) take(key string, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.allowance(key, now)
	if a.left < 1 {
		return time.Duration((1 - a.left) / l.rate * float64(time.Second)), false
	}
	a.left--
	return 0, true
}

// empty reports whether nothing is left to take.
func (l *limiter) empty(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.allowance(key, now).left < 1
}

func (l *limiter) allowance(key string, now time.Time) *allowance {
	if e, ok := l.keys[key]; ok {
		l.used.MoveToFront(e)
		a := e.Value.(*allowance)
		a.left = min(l.burst, a.left+l.rate*max(0, now.Sub(a.at).Seconds()))
		a.at = now
		return a
	}
	a := &allowance{key: key, left: l.burst, at: now}
	l.keys[key] = l.used.PushFront(a)
	if l.used.Len() > maxKeys {
		last := l.used.Remove(l.used.Back()).(*allowance)
		delete(l.keys, last.key)
	}
	return a
}
