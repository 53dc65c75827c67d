package history

import (
	"context"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// DeadFilter says which dead letters are wanted. Zero fields let all in.
type DeadFilter struct {
	Job     string
	Cluster string
	Reason  string // part of it, in either case of ASCII letters
	Since   time.Time
	// Waiting leaves out those that were requeued or discarded.
	Waiting bool
	After   string
	Limit   int // at most 500; 100 if zero
}

// DeadLetter is a run that was given up, or a record that could not be read.
type DeadLetter struct {
	run.DeadLetter
	ID      string `json:"id"`                // of the letter: its place in the log, the same on every server
	Job     string `json:"job,omitempty"`     // empty of a record
	Cluster string `json:"cluster,omitempty"` // empty of a record of none
	// Requeued says that somebody asked for the run again since.
	Requeued bool `json:"requeued"`
	// Discarded says that somebody put it away.
	Discarded bool `json:"discarded"`
}

// DeadPage is a page of dead letters, newest first. Total is how many the
// filter lets in, counted up to 10,000.
type DeadPage struct {
	Letters []DeadLetter `json:"letters"`
	Next    string       `json:"next,omitempty"`
	Total   int          `json:"total"`
}

// counted is up to where dead letters are counted.
const counted = 10_000

// DeadLetters returns the dead letters that the filter names, newest first. What
// several members wrote of one record is one.
func (d *DB) DeadLetters(ctx context.Context, f DeadFilter) (DeadPage, error) {
	page := DeadPage{Letters: []DeadLetter{}}
	where := f.where()
	limit := limited(f.Limit)
	var at int64
	var id string
	if f.After != "" {
		if err := resume(f.After, &at, &id); err != nil {
			return page, err
		}
	}
	err := d.ask(ctx, func(q *asking) error {
		if _, err := q.first("SELECT count(*) FROM (SELECT 1 FROM dead d WHERE "+where.String()+" LIMIT ?)",
			append(slices.Clone(where.args), counted), &page.Total); err != nil {
			return err
		}
		if f.After != "" {
			where.and("(d.at, d.id) < (?, ?)", at, id)
		}
		return q.each(`SELECT d.id, d.at, d.cluster, d.job, d.body, `+settled(settledRequeue)+", "+settled(settledDiscard)+`
			FROM dead d WHERE `+where.String()+" ORDER BY d.at DESC, d.id DESC LIMIT ?", append(where.args, limit+1),
			func(scan func(...any) error) error {
				var l DeadLetter
				var body []byte
				last := at
				if err := scan(&l.ID, &at, &l.Cluster, &l.Job, &body, &l.Requeued, &l.Discarded); err != nil {
					return err
				}
				if len(page.Letters) == limit {
					page.Next = cursor(last, page.Letters[limit-1].ID)
					return nil
				}
				var err error
				l.DeadLetter, err = topic.DecodeDeadLetter(body)
				page.Letters = append(page.Letters, l)
				return err
			})
	})
	return page, err
}

// settled says of dead letters d that somebody did something about the run
// since. How is one of the two words above.
func settled(how string) string {
	return "EXISTS (SELECT 1 FROM settled s WHERE s.run = d.run AND s.how = '" + how + "' AND s.at >= d.at)"
}

func (f *DeadFilter) where() *conditions {
	where := &conditions{}
	if f.Job != "" {
		where.and("d.job = ?", f.Job)
	}
	if f.Cluster != "" {
		where.and("d.cluster = ?", f.Cluster)
	}
	if f.Reason != "" {
		where.and("instr(lower(d.reason), lower(?)) > 0", f.Reason)
	}
	if !f.Since.IsZero() {
		where.and("d.at >= ?", micros(f.Since))
	}
	if f.Waiting {
		where.and("NOT " + settled(settledRequeue) + " AND NOT " + settled(settledDiscard))
	}
	return where
}
