package steer

import (
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// keysFor is how long a key keeps a request from being sent again, as long
	// as shards remember requests.
	keysFor = 24 * time.Hour
	// maxRecent bounds the requests with keys that are remembered.
	maxRecent = 10_000
)

// recent remembers requests that were sent with a key, the newest of them. What
// it forgot is found in the topic.
type recent struct {
	mu    sync.Mutex
	byID  map[string]run.Request
	order []string
}

func newRecent() *recent { return &recent{byID: map[string]run.Request{}} }

func (r *recent) find(id string) (run.Request, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.byID[id]
	return q, ok
}

func (r *recent) note(q run.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byID[q.ID]; ok {
		return
	}
	r.byID[q.ID] = q
	r.order = append(r.order, q.ID)
	if len(r.order) > maxRecent {
		delete(r.byID, r.order[0])
		r.order = r.order[1:]
	}
}
