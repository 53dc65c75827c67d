package gate

import (
	"crypto/rand"
	"encoding/binary"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// onceFor is how long a one-time URL is good.
	onceFor = 24 * time.Hour
	// maxUsed bounds the one-time URLs that are known to have been used; beyond
	// that all are refused until the oldest have ended.
	maxUsed = 10_000
	// onceBytes are the end of the time, and chance.
	onceBytes = 8 + 16
)

// OnceURL returns a URL under base, as http://127.0.0.1:8080, that lets in once
// within a day whoever opens it. Whoever has the installation's key can make one.
func OnceURL(base string, key []byte, now time.Time) string {
	var payload [onceBytes]byte
	binary.BigEndian.PutUint64(payload[:], uint64(now.Add(onceFor).Unix()))
	_, _ = rand.Read(payload[8:]) // never fails
	return base + OncePath + "?" + url.Values{"code": {signed(derived(key, "once"), payload[:])}}.Encode()
}

// once knows which one-time URLs were used.
type once struct {
	key []byte

	mu   sync.Mutex
	used map[[onceBytes]byte]time.Time // and when they end
}

func newOnce(key []byte) *once {
	return &once{key: derived(key, "once"), used: map[[onceBytes]byte]time.Time{}}
}

// use reports whether a code is good, which it is once.
func (o *once) use(code string, now time.Time) bool {
	payload, err := opened(o.key, code)
	if err != nil || len(payload) != onceBytes {
		return false
	}
	ends := time.Unix(int64(binary.BigEndian.Uint64(payload)), 0)
	if !now.Before(ends) {
		return false
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for code, ends := range o.used {
		if !now.Before(ends) {
			delete(o.used, code)
		}
	}
	id := [onceBytes]byte(payload)
	if _, again := o.used[id]; again || len(o.used) >= maxUsed {
		return false
	}
	o.used[id] = ends
	return true
}

// enter begins the session of whoever opened a one-time URL.
func (g *Gate) enter(w http.ResponseWriter, r *http.Request) {
	now, from := g.o.Now(), placeOf(r)
	switch {
	case g.o.Local == nil:
		refuse(w, r, &refusal{http.StatusNotFound, "this server knows no one-time URLs"})
	case g.failures.empty(from.address, now):
		refuse(w, r, g.tooOften())
	case !g.once.use(r.URL.Query().Get("code"), now):
		g.failures.take(from.address, now)
		refuse(w, r, &refusal{http.StatusForbidden, "this URL was used before, or is a day old; \"belfry open\" prints another"})
	default:
		p := *g.o.Local
		g.let(w, r, session{Name: p.Name, Role: p.Role, Scope: p.Scope, Ends: now.Add(localFor)}, "/")
	}
}
