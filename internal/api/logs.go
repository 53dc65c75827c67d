package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// appearWait is how long to wait for a run that was just asked for.
	appearWait = 10 * time.Second
	// closingWait is how long to wait for the end of a run's output once the run
	// has ended. A worker that was lost never wrote one.
	closingWait = 2 * time.Second
)

type logsInput struct {
	RunNamed
	Attempt int    `query:"attempt" minimum:"0" maximum:"1000000" doc:"Only what this attempt wrote."`
	Format  string `query:"format" enum:"text,chunks" default:"text" doc:"The bytes as they were written, or the records they came in, one a line."`
	Follow  bool   `query:"follow" doc:"Go on until the run has ended, as server-sent events: output with a record, and in the end the run."`
	LastID  string `header:"Last-Event-Id" maxLength:"100" doc:"Go on behind this event."`
}

func (s *server) logs() {
	route(s, operation{
		id: "get-logs", method: http.MethodGet, path: "/runs/{run}/logs", tag: "Runs", role: access.Viewer, errors: []int{http.StatusNotFound},
		summary: "Get what a run wrote, or follow it",
	}, s.log)
}

func (s *server) log(ctx context.Context, who access.Principal, in *logsInput) (*huma.StreamResponse, error) {
	after, err := chunkID(in.LastID)
	if err != nil {
		return nil, err
	}
	d, err := s.appeared(ctx, who, in)
	if err != nil {
		return nil, err
	}
	if in.Follow {
		return &huma.StreamResponse{Body: func(hc huma.Context) { s.followLog(hc, in, d, after) }}, nil
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) { s.wholeLog(hc, in, d) }}, nil
}

// appeared is seen, but waits for a run that is to be followed and was just
// asked for.
func (s *server) appeared(ctx context.Context, who access.Principal, in *logsInput) (history.RunDetail, error) {
	limit := time.NewTimer(appearWait)
	defer limit.Stop()
	again := time.NewTicker(appearWait / 100)
	defer again.Stop()
	for {
		d, err := s.seen(ctx, who, in.Run)
		if !in.Follow || !errors.As(err, new(*history.NoRunError)) {
			return d, err
		}
		select {
		case <-ctx.Done():
			return d, ctx.Err()
		case <-limit.C:
			return d, err
		case <-again.C:
		}
	}
}

// wholeLog sends what a run has written up to now.
func (s *server) wholeLog(hc huma.Context, in *logsInput, d history.RunDetail) {
	r, w := humago.Unwrap(hc)
	rc := http.NewResponseController(w)
	kind := "text/plain; charset=utf-8"
	if in.Format == "chunks" {
		kind = "application/jsonl"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Disposition", `inline; filename="`+string(d.Run.ID)+`.log"`)
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if d.Run.Cluster == "" {
		return // it was never put on a queue, and wrote nothing
	}
	err := s.Topics.Output(r.Context(), found(d), in.Attempt, func(o run.Output) error {
		_ = rc.SetWriteDeadline(time.Now().Add(streamWait)) // as in stream.write
		if in.Format == "chunks" {
			line, err := topic.Marshal(o)
			if err == nil {
				_, err = w.Write(append(line, '\n'))
			}
			return err
		}
		if o.CutBytes > 0 {
			if _, err := fmt.Fprintf(w, "\n[belfry: %d bytes were left out here]\n", o.CutBytes); err != nil {
				return err
			}
		}
		_, err := w.Write(bytes.ToValidUTF8(o.Data, []byte("\uFFFD")))
		return err
	})
	if err != nil {
		s.Log.Warn("the output of a run was not sent to its end", "run", d.Run.ID, "error", err)
		panic(http.ErrAbortHandler) // so that whoever reads knows
	}
}

// chunk says where in the output of a run an event stands: its attempt, and its
// number there.
type chunk struct{ attempt, seq int }

func (c chunk) String() string { return fmt.Sprintf("%d-%d", c.attempt, c.seq) }

func (c chunk) before(o *run.Output) bool {
	return c.attempt < o.Attempt || c.attempt == o.Attempt && c.seq < o.Seq
}

// chunkID reads the ID of an event; none is before all.
func chunkID(text string) (chunk, error) {
	if text == "" {
		return chunk{0, -1}, nil
	}
	left, right, ok := strings.Cut(text, "-")
	attempt, err := strconv.Atoi(left)
	seq, err2 := strconv.Atoi(right)
	if !ok || err != nil || err2 != nil {
		return chunk{}, field("header.Last-Event-ID", "is no ID of an event of this stream", text)
	}
	return chunk{attempt, seq}, nil
}

// following sends the output of one run until the run has ended.
type following struct {
	s     *server
	st    *stream
	in    *logsInput
	id    run.ID
	after chunk // what was sent last
	last  int   // the attempt whose output was closed last
}

func (s *server) followLog(hc huma.Context, in *logsInput, d history.RunDetail, after chunk) {
	r, _ := humago.Unwrap(hc)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ends := s.Tail.Listen(tail.Filter{Kinds: []history.Kind{history.KindRun}, Run: d.Run.ID}, "")
	defer ends.Close()
	live, err := s.Tail.Live(ctx, d.Run.ID)
	if err != nil {
		s.Log.Warn("the output of a run cannot be followed", "run", d.Run.ID, "error", err)
		panic(http.ErrAbortHandler)
	}
	defer live.Close()
	f := &following{s: s, st: begin(hc), in: in, id: d.Run.ID, after: after}
	if f.st.live() != nil {
		return
	}
	// The tail that the read model keeps lacks the beginning of much output.
	if live.Before() > 0 && d.Run.Cluster != "" {
		if err := s.Topics.Output(ctx, found(d), in.Attempt, f.send); err != nil {
			return
		}
	}
	f.run(ctx, live, ends)
	if live.Behind() || ends.Behind() {
		_ = f.st.send("", "behind", struct{}{}) // it may have left
	}
}

// send sends a chunk that was not sent before.
func (f *following) send(o run.Output) error {
	if o.Last {
		f.last = max(f.last, o.Attempt)
	}
	if !f.after.before(&o) || f.in.Attempt != 0 && o.Attempt != f.in.Attempt {
		return nil
	}
	f.after = chunk{o.Attempt, o.Seq}
	return f.st.send(f.after.String(), "output", o)
}

// run sends what comes, until the run has ended and its output with it.
func (f *following) run(ctx context.Context, live *tail.Live, ends *tail.Listener) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	var closing <-chan time.Time
	end, ended, err := f.ended(ctx)
	if err != nil {
		return
	}
	for {
		if ended && f.last >= wrote(&end) {
			_ = f.st.send("", "end", end.Run) // it may have left
			return
		}
		if ended && closing == nil {
			limit := time.NewTimer(closingWait)
			defer limit.Stop()
			closing = limit.C
		}
		select {
		case <-ctx.Done():
			return
		case <-closing:
			_ = f.st.send("", "end", end.Run) // as above
			return
		case <-tick.C:
			err = f.st.live()
		case o, ok := <-live.C():
			if !ok {
				return
			}
			err = f.send(o)
		case _, ok := <-ends.C():
			if !ok {
				return
			}
			end, ended, err = f.ended(ctx)
		}
		if err != nil {
			return
		}
	}
}

// ended asks whether the run has.
func (f *following) ended(ctx context.Context) (history.RunDetail, bool, error) {
	d, err := f.s.History.Run(ctx, string(f.id))
	return d, err == nil && d.Run.Ended(), err
}

// wrote is the latest attempt that may have written something; 0 if none has.
func wrote(d *history.RunDetail) int { return query.LastToWrite(&d.Run) }
