package pagerduty

import (
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
)

// Event is what is sent: see PagerDuty's page on the Events API v2.
type Event struct {
	RoutingKey  string   `json:"routing_key"`
	EventAction string   `json:"event_action"`
	DedupKey    string   `json:"dedup_key"`
	Payload     *Payload `json:"payload"`
	Client      string   `json:"client"`
	ClientURL   string   `json:"client_url"`
	Links       []Link   `json:"links"`
	Images      []Image  `json:"images"`
}

// Payload is what a trigger tells.
type Payload struct {
	Summary       string `json:"summary"`
	Source        string `json:"source"`
	Severity      string `json:"severity"`
	Timestamp     string `json:"timestamp"`
	Component     string `json:"component"`
	Group         string `json:"group"`
	Class         string `json:"class"`
	CustomDetails any    `json:"custom_details"`
}

// Link is shown with an incident.
type Link struct {
	Href string `json:"href"`
	Text string `json:"text"`
}

// Image is shown with an incident.
type Image struct {
	Src string `json:"src"`
}

const (
	// MaxEvent is how many bytes an event may have.
	MaxEvent = 512 << 10

	keyLength  = 32
	maxDedup   = 255
	maxSummary = 1024
)

// decode reads an event and says everything that is wrong with it.
func decode(body []byte) (Event, []string) {
	var e Event
	if err := json.Unmarshal(body, &e); err != nil {
		return e, []string{"Event is not valid JSON, or a field is of the wrong type: " + err.Error()}
	}
	return e, e.problems()
}

func (e *Event) problems() []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if len(e.RoutingKey) != keyLength {
		say("'routing_key' must be %d characters long, and has %d", keyLength, len(e.RoutingKey))
	}
	if !slices.Contains([]string{"trigger", "acknowledge", "resolve"}, e.EventAction) {
		say("'event_action' is %q, and must be trigger, acknowledge or resolve", e.EventAction)
	}
	if len(e.DedupKey) > maxDedup {
		say("'dedup_key' has %d characters, more than %d", len(e.DedupKey), maxDedup)
	}
	if e.EventAction != "trigger" {
		if e.DedupKey == "" {
			say("'dedup_key' is missing: %s needs one", e.EventAction)
		}
		return all
	}
	if e.Payload == nil {
		say("'payload' is missing")
		return all
	}
	all = append(all, e.Payload.problems()...)
	for i, l := range e.Links {
		if u, err := url.Parse(l.Href); err != nil || !u.IsAbs() {
			say("'links[%d].href' is %q, and must be a URL", i, l.Href)
		}
	}
	for i, image := range e.Images {
		if u, err := url.Parse(image.Src); err != nil || u.Scheme != "https" {
			say("'images[%d].src' is %q, and must be an https URL", i, image.Src)
		}
	}
	return all
}

func (p *Payload) problems() []string {
	var all []string
	if p.Summary == "" {
		all = append(all, "'payload.summary' is missing")
	}
	if len([]rune(p.Summary)) > maxSummary {
		all = append(all, fmt.Sprintf("'payload.summary' has %d characters, more than %d", len([]rune(p.Summary)), maxSummary))
	}
	if p.Source == "" {
		all = append(all, "'payload.source' is missing")
	}
	if !slices.Contains([]string{"critical", "error", "warning", "info"}, p.Severity) {
		all = append(all, fmt.Sprintf("'payload.severity' is %q, and must be critical, error, warning or info", p.Severity))
	}
	if p.Timestamp != "" {
		if _, err := time.Parse(time.RFC3339, p.Timestamp); err != nil {
			all = append(all, fmt.Sprintf("'payload.timestamp' is %q, and must be as in ISO 8601", p.Timestamp))
		}
	}
	return all
}
