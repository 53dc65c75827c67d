package app

import (
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/ready"
)

// health knows the parts of a process and asks each, at every request, what
// keeps it from its work.
type health struct {
	mu    sync.Mutex
	parts []*part
}

// part is a role, the embedded broker, or the start of the process.
type part struct {
	mu      sync.Mutex
	reasons func(now time.Time) []ready.Reason
}

// begin adds a part, which is starting until it is observed.
func (h *health) begin(name string) *part {
	starting := ready.Role{Name: name, Began: time.Now()}
	p := &part{reasons: starting.Reasons}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts = append(h.parts, p)
	return p
}

// end takes a part out.
func (h *health) end(p *part) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.parts = slices.DeleteFunc(h.parts, func(other *part) bool { return other == p })
}

// observe has the part answer for itself from now on.
func (p *part) observe(reasons func(now time.Time) []ready.Reason) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reasons = reasons
}

// answer asks all parts.
func (h *health) answer(now time.Time) ready.Answer {
	h.mu.Lock()
	parts := slices.Clone(h.parts)
	h.mu.Unlock()
	var all []ready.Reason
	for _, p := range parts {
		p.mu.Lock()
		reasons := p.reasons
		p.mu.Unlock()
		all = append(all, reasons(now)...)
	}
	return ready.Answered(all)
}

// ServeHTTP answers /readyz: 200 if nothing keeps the process from its work,
// else 503, with the reasons.
func (h *health) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	answer := h.answer(time.Now())
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	status := http.StatusOK
	if !answer.Ready {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	reply(w, status, string(body)+"\n")
}
