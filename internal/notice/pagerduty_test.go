package notice

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// pagerDuty is a stand-in for its Events API v2: it takes what that does, and
// refuses the rest with the same code. Incidents are those it has open.
type pagerDuty struct {
	key       string
	incidents map[string]string // by key, with their summary
	events    int
}

// ServeHTTP implements http.Handler.
func (p *pagerDuty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refuse := func(format string, args ...any) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"status":"invalid event","message":"Event object is invalid","errors":[%q]}`, fmt.Sprintf(format, args...))
	}
	var event struct {
		RoutingKey string `json:"routing_key"`
		Action     string `json:"event_action"`
		DedupKey   string `json:"dedup_key"`
		Client     string `json:"client"`
		Payload    *struct {
			Summary, Source, Severity, Timestamp, Component, Group, Class string
			Details                                                       map[string]any `json:"custom_details"`
		} `json:"payload"`
	}
	err := json.UnmarshalRead(http.MaxBytesReader(w, r.Body, 512<<10), &event, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(true))
	switch {
	case err != nil:
		refuse("body: %v", err)
	case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json":
		refuse("it is a POST of JSON")
	case event.RoutingKey != p.key:
		refuse("'routing_key' is invalid")
	case len(event.DedupKey) == 0 || len(event.DedupKey) > 255:
		refuse("'dedup_key' is 1 to 255 characters long")
	case event.Action == "resolve" || event.Action == "acknowledge":
		delete(p.incidents, event.DedupKey)
		p.events++
		w.WriteHeader(http.StatusAccepted)
	case event.Action != "trigger":
		refuse("'event_action' is invalid")
	case event.Payload == nil || event.Payload.Summary == "" || len([]rune(event.Payload.Summary)) > 1024:
		refuse("'payload.summary' is 1 to 1024 characters long")
	case event.Payload.Source == "":
		refuse("'payload.source' is missing")
	case !slices.Contains([]string{"critical", "error", "warning", "info"}, event.Payload.Severity):
		refuse("'payload.severity' is invalid")
	default:
		if _, err := time.Parse(time.RFC3339, event.Payload.Timestamp); err != nil {
			refuse("'payload.timestamp' is invalid")
			return
		}
		p.incidents[event.DedupKey] = event.Payload.Summary
		p.events++
		w.WriteHeader(http.StatusAccepted)
		_, _ = fmt.Fprintf(w, `{"status":"success","message":"Event processed","dedup_key":%q}`, event.DedupKey)
	}
}

func TestPagerDutyOpensAndClosesIncidents(t *testing.T) {
	p := &pagerDuty{key: "0123456789abcdef0123456789abcdef", incidents: map[string]string{}}
	s := newStand(t, p.ServeHTTP)
	// The stand reads the body to keep it; the stand-in needs it, too.
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.ServeHTTP(w, r)
		s.news <- struct{}{}
	})
	o, settled := box(t, s.target(t, "pager", KindPagerDuty), quick())
	tell := func(n run.Notice) {
		o.put(&item{notice: n, came: time.Now(), settled: func(_ int, err error) { settled <- err }})
		require.NoError(t, next(t, settled))
	}
	for _, when := range job.Whens() {
		if when == job.WhenRecovered {
			continue
		}
		n := failing("x")
		n.When, n.Incident, n.Job = when, string(when), strings.Repeat("long", 40)
		tell(n)
		tell(n) // delivered twice, it is the same incident
	}
	require.Len(t, p.incidents, len(job.Whens())-1)
	over := run.Notice{When: job.WhenRecovered, ID: "y", Job: "a"}
	for incident := range p.incidents {
		over.Closes = append(over.Closes, incident)
	}
	tell(over)
	require.Empty(t, p.incidents)
	require.Equal(t, 3*(len(job.Whens())-1), p.events)
}

// TestPagerDutyRefusesAnotherKey: it is given up, and said why.
func TestPagerDutyRefusesAnotherKey(t *testing.T) {
	p := &pagerDuty{key: "another"}
	s := newStand(t, status(200))
	s.Config.Handler = p
	o, settled := box(t, s.target(t, "pager", KindPagerDuty), quick())
	o.put(told("n1", settled))
	require.ErrorContains(t, next(t, settled), "'routing_key' is invalid")
}
