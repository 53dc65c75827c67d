package query

import (
	"context"
	"time"

	"github.com/belfry-cron/belfry/internal/topic"
)

// Explained is what became of a job's due times, complete in itself.
type Explained struct {
	Job string `json:"job"`
	// Definition is what is in force, nil if no such job is; Zone is that of its
	// schedule, Invalid why it has no due times, if so.
	Definition *topic.Job `json:"definition,omitempty"`
	Zone       string     `json:"timezone"`
	Invalid    string     `json:"invalid,omitempty"`
	// Aside is why nothing is decided for the job, if so.
	Aside    string    `json:"set_aside,omitempty"`
	Verdicts []Verdict `json:"verdicts"`
	// Next is the first due time after those asked about; zero for none.
	Next time.Time `json:"next,omitzero"`
}

// Span says which due times are to be explained: those from From to To, at most
// Limit, the newest; limit 0 for all.
type Span struct {
	From, To time.Time
	Limit    int
}

// Explained says what became of the due times of a span, or returns a NoJobError.
func (t *Topics) Explained(ctx context.Context, name string, s Span, now time.Time) (Explained, error) {
	def, err := t.Definition(ctx, name)
	if err != nil {
		return Explained{}, err
	}
	e, err := t.Explain(ctx, def, s.From, now)
	if err != nil {
		return Explained{}, err
	}
	x := Explained{Job: name, Definition: def.Job, Zone: def.Zone.String(), Aside: e.Aside, Verdicts: e.Verdicts(s.From, s.To, s.Limit)}
	if def.Invalid != nil {
		x.Invalid = def.Invalid.Error()
	}
	x.Next, _ = e.Next(s.To)
	return x, nil
}
