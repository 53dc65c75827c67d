package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// streamWait is how long one write to a stream may take: whoever reads more
	// slowly is cut off.
	streamWait = 15 * time.Second
	// heartbeat is how often a quiet stream says that it lives.
	heartbeat = 15 * time.Second
)

// stream is a response of server-sent events.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// begin sends the header of a stream, and ends no connection while it lasts.
func begin(ctx huma.Context) *stream {
	_, w := humago.Unwrap(ctx)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // for proxies that gather answers
	w.WriteHeader(http.StatusOK)
	return &stream{w: w, rc: http.NewResponseController(w)}
}

// send sends an event. An ID that is empty leaves the reader's as it is.
func (s *stream) send(id, event string, data any) error {
	value, err := topic.Marshal(data)
	if err != nil {
		return err
	}
	text := ""
	if id != "" {
		text = "id: " + id + "\n"
	}
	return s.write(fmt.Sprintf("%sevent: %s\ndata: %s\n\n", text, event, value))
}

// live says that the stream lives.
func (s *stream) live() error { return s.write(":\n\n") }

func (s *stream) write(text string) error {
	// Some writers have no deadlines, as those of tests.
	_ = s.rc.SetWriteDeadline(time.Now().Add(streamWait))
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.rc.Flush()
}

// pour sends what comes until its source ends or the reader leaves.
func pour[T any](ctx context.Context, st *stream, source <-chan T, send func(T) (done bool, err error)) {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		var err error
		done := false
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			err = st.live()
		case one, ok := <-source:
			if !ok {
				return
			}
			done, err = send(one)
		}
		if done || err != nil {
			return
		}
	}
}
