package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

// deadBody is the list of dead letters.
type deadBody struct {
	Job, Cluster, Reason string
	All                  bool // also those that nobody waits for any more
	Rows                 []deadRow
	Total                int
	Next                 string
	Choices              []choice
	Unreadable           history.UnreadablePage
	Latest               []unreadableRow
}

// deadRow is a dead letter.
type deadRow struct {
	Run     run.ID // empty of a record that could not be read
	Job     string
	Cluster string
	At      moment
	Due     moment
	Why     string
	Tail    string // the end of what the last attempt wrote
	Place   string // of a record
	Waits   bool
	Fate    string // what somebody did about it
}

// unreadableRow is a record that could not be read.
type unreadableRow struct {
	Place, Why string
	At         moment
}

func (s *Site) dead(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	v := r.URL.Query()
	f := deadFilterOf(v)
	if clusters := rd.Who.Scope.Clusters; len(clusters) == 1 {
		f.Cluster = clusters[0]
	}
	page, err := s.o.History.DeadLetters(ctx, f)
	if err != nil {
		return frame{}, fmt.Errorf("reading the dead letters: %w", err)
	}
	b := deadBody{Job: f.Job, Cluster: v.Get("cluster"), Reason: f.Reason, All: !f.Waiting, Total: page.Total}
	for i := range page.Letters {
		l := &page.Letters[i]
		if !rd.Who.Scope.Whole() && !s.sees(ctx, rd, l.Job) {
			continue
		}
		b.Rows = append(b.Rows, deadRowOf(l, rd.clock))
	}
	if !rd.Who.Scope.Whole() {
		b.Total = len(b.Rows) // how many others there are is not theirs to know
	}
	if page.Next != "" {
		v.Set("after", page.Next)
		b.Next = "/dead?" + v.Encode()
	}
	for _, all := range []bool{false, true} {
		one := url.Values{}
		for _, key := range []string{"job", "cluster", "reason"} {
			if v.Get(key) != "" {
				one.Set(key, v.Get(key))
			}
		}
		c := choice{Word: "waiting", On: all == b.All}
		if all {
			one.Set("all", "1")
			c.Word = "all"
		}
		c.Href = strings.TrimSuffix("/dead?"+one.Encode(), "?")
		b.Choices = append(b.Choices, c)
	}
	if rd.Who.Scope.Whole() {
		if b.Unreadable, err = s.o.History.Unreadable(ctx); err != nil {
			return frame{}, fmt.Errorf("reading what could not be read: %w", err)
		}
		for _, u := range b.Unreadable.Latest[:min(10, len(b.Unreadable.Latest))] {
			b.Latest = append(b.Latest, unreadableRow{Place: place(u.Topic, u.Partition, u.Offset), Why: u.Why, At: rd.clock.moment(u.At)})
		}
	}
	return frame{Page: "dead", Title: "Dead letters", Nav: "/dead", Live: "kind=dead", Body: b}, nil
}

func place(topic string, partition int32, offset int64) string {
	return fmt.Sprintf("%s, partition %d, offset %d", topic, partition, offset)
}

func deadRowOf(l *history.DeadLetter, c clock) deadRow {
	row := deadRow{Job: l.Job, Cluster: l.Cluster, At: c.moment(l.At), Why: run.Why(l.Reason, l.Outcome), Waits: !l.Requeued && !l.Discarded}
	if l.Run != nil {
		row.Run, row.Due = l.Run.ID, c.moment(l.Run.Due)
	} else {
		row.Place, row.Waits = place(l.Topic, l.Partition, l.Offset), false
	}
	if l.Outcome != nil {
		row.Tail = lastLine(l.Outcome.Tail)
	}
	switch {
	case l.Requeued:
		row.Fate = "requeued"
	case l.Discarded:
		row.Fate = "discarded"
	}
	return row
}

// maxTailLine is how much of the end of an output a row shows.
const maxTailLine = 200

// lastLine is the last line of an output that is not empty.
func lastLine(text string) string {
	for _, line := range slices.Backward(strings.Split(text, "\n")) {
		if line = strings.TrimSpace(line); line != "" {
			if len(line) > maxTailLine {
				line = strings.ToValidUTF8(line[:maxTailLine], "") + "…"
			}
			return visible(line)
		}
	}
	return ""
}
