package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tail"
)

const (
	// gather is how long lines are gathered before they are sent.
	gather = 40 * time.Millisecond
	// afterEnd is how long output may come behind the end of a run.
	afterEnd = 2 * time.Second
)

// follow streams what a run writes as lines of HTML: first what is kept, then
// what comes, and "end" when the run has ended. Each connection begins anew,
// which "reset" says.
func (s *Site) follow(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	d, err := s.detail(r.Context(), rd, r.PathValue("id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if s.o.Tail == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	ends := s.o.Tail.Listen(tail.Filter{Run: d.Row.ID, Kinds: []history.Kind{history.KindRun}}, "")
	defer ends.Close()
	live, err := s.o.Tail.Live(r.Context(), d.Row.ID)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	defer live.Close()
	f := follower{stream: newStream(w), lines: newLogRenderer()}
	if f.stream.send("reset", "", "1") != nil {
		return
	}
	if before := live.Before(); before > 0 {
		f.pending = append(f.pending, said("the first "+size(before)+" are not shown: download all of it"))
	}
	// Asked again, now that nothing can be missed between asking and listening.
	if d, err = s.o.History.Run(r.Context(), string(d.Row.ID)); err == nil && d.Row.State.Final() {
		f.ended = time.After(afterEnd)
	}
	f.run(r.Context(), live, ends)
}

// follower sends lines to one reader.
type follower struct {
	stream  *stream
	lines   *logRenderer
	pending []logLine
	due     <-chan time.Time // when to send what is pending
	ended   <-chan time.Time // when no more is waited for
}

func (f *follower) run(ctx context.Context, live *tail.Live, ends *tail.Listener) {
	pause := time.NewTicker(streamPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case chunk, ok := <-live.C():
			if !ok {
				return // too slow, or the server ends: the browser comes again
			}
			f.pending = append(f.pending, f.lines.add(chunk)...)
			if f.due == nil {
				f.due = time.After(gather)
			}
		case <-f.due:
			if f.send() != nil {
				return
			}
		case e, ok := <-ends.C():
			if ok && e.Change.Row != nil && e.Change.Row.State.Final() && f.ended == nil {
				f.ended = time.After(afterEnd)
			}
			if !ok {
				return
			}
		case <-f.ended:
			f.pending = append(f.pending, f.lines.flush()...)
			if f.send() == nil {
				_ = f.stream.send("end", "", "1") // the reader may be gone
			}
			return
		case <-pause.C:
			if f.stream.breathe() != nil {
				return
			}
		}
	}
}

func (f *follower) send() error {
	f.due = nil
	if len(f.pending) == 0 {
		return nil
	}
	text := markup(f.pending)
	f.pending = nil
	return f.stream.send("lines", "", text)
}

// errGone ends the reading of output that nobody waits for any more.
var errGone = errors.New("the reader is gone")

// download writes all that is kept of a run's output, as it was written.
func (s *Site) download(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	d, err := s.detail(r.Context(), rd, r.PathValue("id"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	// Nothing a command writes may become a page: it is text, and to be saved.
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+string(d.Row.ID)+`.log"`)
	each := func(o run.Output) error {
		if _, err := w.Write(o.Data); err != nil {
			return errGone
		}
		return nil
	}
	if s.o.Topics != nil {
		found := query.Found{ID: d.Row.ID, Job: d.Row.Job, Due: d.Row.Due, Cluster: d.Row.Cluster}
		if err := s.o.Topics.Output(r.Context(), found, 0, each); err != nil && !errors.Is(err, errGone) {
			s.log.Warn("the output of a run could not be read", "run", d.Row.ID, "error", err)
			_, _ = w.Write([]byte("\n[belfry: the rest could not be read from Kafka]\n")) // the reader may be gone
		}
		return
	}
	for _, chunk := range d.Tail.Chunks {
		if each(chunk) != nil {
			return
		}
	}
}
