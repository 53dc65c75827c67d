package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// maxLine bounds a line of a stream: a chunk of output, in base64.
	maxLine = 1 << 20
	// followTries is how often in a row a stream may break.
	followTries = 10
	followPause = time.Second
)

// Output calls each for every chunk that an attempt of the run (0: all) has
// written up to now.
func (c *Client) Output(ctx context.Context, id run.ID, attempt int, each func(run.Output) error) error {
	q := given("format", "chunks", "attempt", strconv.Itoa(attempt))
	r, err := c.request(ctx, http.MethodGet, "/runs/"+string(id)+"/logs?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	answer, err := c.send(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // all that is wanted was read
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var o run.Output
		if err := topic.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
		if err := each(o); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return &UnreachableError{err}
	}
	return nil
}

// Follow calls each for every chunk that an attempt of the run (0: all) writes,
// until the run has ended, and returns what became of it.
func (c *Client) Follow(ctx context.Context, id run.ID, attempt int, each func(run.Output) error) (ledger.Run, error) {
	f := &following{c: c, id: id, attempt: attempt, each: each}
	for broke := 0; ; broke++ {
		before := f.last
		err := f.once(ctx)
		switch {
		case f.end != nil:
			return *f.end, nil
		case err != nil && !errors.As(err, new(*UnreachableError)):
			return ledger.Run{}, err
		case f.last != before:
			broke = 0
		case broke == followTries:
			return ledger.Run{}, fmt.Errorf("following run %s: the stream broke %d times: %w", id, broke, errors.Join(err, io.ErrUnexpectedEOF))
		}
		select {
		case <-ctx.Done():
			return ledger.Run{}, ctx.Err()
		case <-time.After(followPause):
		}
	}
}

// following is a run that is followed.
type following struct {
	c       *Client
	id      run.ID
	attempt int
	each    func(run.Output) error

	last string // ID of the last event
	end  *ledger.Run
}

// once reads a stream until it breaks or the run has ended.
func (f *following) once(ctx context.Context) error {
	q := given("follow", "true", "attempt", strconv.Itoa(f.attempt))
	r, err := f.c.request(ctx, http.MethodGet, "/runs/"+string(f.id)+"/logs?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "text/event-stream")
	if f.last != "" {
		r.Header.Set("Last-Event-ID", f.last)
	}
	answer, err := f.c.send(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }() // the stream has ended, or is not wanted any more
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, maxLine)
	id, kind, data := "", "", ""
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			data = value
		case "":
			if lines.Text() != "" || kind == "" {
				continue // a sign of life
			}
			if err := f.take(id, kind, data); err != nil || f.end != nil {
				return err
			}
			id, kind, data = "", "", ""
		}
	}
	if err := lines.Err(); err != nil && ctx.Err() == nil {
		return &UnreachableError{err}
	}
	return ctx.Err()
}

// take takes an event.
func (f *following) take(id, kind, data string) error {
	switch kind {
	case "output":
		var o run.Output
		if err := topic.Unmarshal([]byte(data), &o); err != nil {
			return fmt.Errorf("reading the output: %w", err)
		}
		if err := f.each(o); err != nil {
			return err
		}
	case "end":
		f.end = new(ledger.Run)
		if err := topic.Unmarshal([]byte(data), f.end); err != nil {
			return fmt.Errorf("reading how the run ended: %w", err)
		}
	}
	if id != "" {
		f.last = id
	}
	return nil
}
