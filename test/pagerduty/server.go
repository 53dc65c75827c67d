package pagerduty

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
)

// Status is what has become of an incident.
type Status string

// The states.
const (
	Triggered    Status = "triggered"
	Acknowledged Status = "acknowledged"
	Resolved     Status = "resolved"
)

// Incident is what PagerDuty makes of the events of one key. A trigger after its
// end opens another.
type Incident struct {
	RoutingKey string    `json:"routing_key"`
	DedupKey   string    `json:"dedup_key"`
	Status     Status    `json:"status"`
	Events     int       `json:"events"`
	Opened     time.Time `json:"opened"`
	Ended      time.Time `json:"ended,omitzero"`
	Latest     Event     `json:"latest"` // trigger
}

// Answer is how the server answers events.
type Answer string

// The answers. Nothing takes an event and leaves the sender waiting.
const (
	OK          Answer = "ok"
	TooMany     Answer = "429"
	ServerError Answer = "500"
	Nothing     Answer = "nothing"
)

// maxIncidents bounds what is kept; the oldest that ended go first.
const maxIncidents = 10_000

// Server is a stand-in. Its zero value takes every routing key.
type Server struct {
	// Keys are the routing keys of services that exist; empty means all.
	Keys []string

	mu        sync.Mutex
	answer    Answer
	incidents []*Incident
	refused   int
	alive     time.Time
	made      int
}

// Answer has the server answer all events so from now on.
func (s *Server) Answer(a Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = a
}

// Incidents returns all, the oldest first.
func (s *Server) Incidents() []Incident {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]Incident, 0, len(s.incidents))
	for _, i := range s.incidents {
		all = append(all, *i)
	}
	return all
}

// Refused returns how many events were wrong.
func (s *Server) Refused() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.refused
}

// Alive returns when a watchdog last gave a sign.
func (s *Server) Alive() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.alive
}

// ServeHTTP answers /v2/enqueue as PagerDuty does. Beside that: /incidents lists
// them, /answer?with=429 changes the answers, /watchdog takes signs of life.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "POST /v2/enqueue":
		s.enqueue(w, r)
	case "POST /watchdog":
		s.mu.Lock()
		s.alive = time.Now()
		s.mu.Unlock()
	case "POST /answer":
		with := Answer(r.URL.Query().Get("with"))
		if !slices.Contains([]Answer{OK, TooMany, ServerError, Nothing}, with) {
			reply(w, http.StatusBadRequest, map[string]string{"message": "with is ok, 429, 500 or nothing"})
			return
		}
		s.Answer(with)
	case "GET /incidents":
		reply(w, http.StatusOK, s.Incidents())
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) enqueue(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxEvent))
	if err != nil {
		reply(w, http.StatusRequestEntityTooLarge, refusal("Event object is too large", err.Error()))
		return
	}
	s.mu.Lock()
	answer := s.answer
	s.mu.Unlock()
	switch answer {
	case TooMany:
		reply(w, http.StatusTooManyRequests, refusal("Requests for this service are arriving too quickly"))
		return
	case ServerError:
		reply(w, http.StatusInternalServerError, refusal("Internal error"))
		return
	case Nothing:
		<-r.Context().Done()
		return
	case OK:
	}
	e, problems := decode(body)
	if len(problems) == 0 && len(s.Keys) > 0 && !slices.Contains(s.Keys, e.RoutingKey) {
		problems = []string{"Invalid routing key"}
	}
	if len(problems) > 0 {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		reply(w, http.StatusBadRequest, refusal("Event object is invalid", problems...))
		return
	}
	reply(w, http.StatusAccepted, map[string]string{
		"status": "success", "message": "Event processed", "dedup_key": s.take(e, time.Now()),
	})
}

// take folds an event into its incident, and returns the key.
func (s *Server) take(e Event, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.DedupKey == "" {
		s.made++
		e.DedupKey = fmt.Sprintf("made-%d", s.made)
	}
	open := s.open(e.RoutingKey, e.DedupKey)
	switch {
	case e.EventAction == "trigger" && open == nil:
		s.makeRoom()
		s.incidents = append(s.incidents, &Incident{
			RoutingKey: e.RoutingKey, DedupKey: e.DedupKey, Status: Triggered, Events: 1, Opened: now, Latest: e,
		})
	case open == nil: // what ends nothing is taken all the same
	case e.EventAction == "trigger":
		open.Events++
		open.Latest = e
	case e.EventAction == "acknowledge":
		open.Events++
		open.Status = Acknowledged
	default:
		open.Events++
		open.Status, open.Ended = Resolved, now
	}
	return e.DedupKey
}

func (s *Server) open(routing, dedup string) *Incident {
	for _, i := range s.incidents {
		if i.RoutingKey == routing && i.DedupKey == dedup && i.Status != Resolved {
			return i
		}
	}
	return nil
}

func (s *Server) makeRoom() {
	if len(s.incidents) < maxIncidents {
		return
	}
	ended := slices.IndexFunc(s.incidents, func(i *Incident) bool { return i.Status == Resolved })
	s.incidents = slices.Delete(s.incidents, max(ended, 0), max(ended, 0)+1)
}

func refusal(message string, problems ...string) map[string]any {
	return map[string]any{"status": "invalid event", "message": message, "errors": problems}
}

func reply(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a sender that left wants no answer
}
