package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

const (
	// streamPause is how long a stream may be silent: then a comment tells that
	// it lives.
	streamPause = 15 * time.Second
	// streamWrite is how long a reader may take to accept an event.
	streamWrite = 10 * time.Second
)

// stream is a response of server-sent events.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// newStream begins one.
func newStream(w http.ResponseWriter) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // proxies would hold lines back
	return &stream{w: w, rc: http.NewResponseController(w)}
}

// send writes an event. Its ID may be empty; its data is one line.
func (s *stream) send(event, id, data string) error {
	var b strings.Builder
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", event, data)
	return s.write(b.String())
}

// breathe tells that the stream lives.
func (s *stream) breathe() error { return s.write(": \n\n") }

func (s *stream) write(text string) error {
	if err := s.rc.SetWriteDeadline(time.Now().Add(streamWrite)); err != nil && s.rc.Flush() != nil {
		return fmt.Errorf("bounding a write: %w", err)
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	if err := s.rc.Flush(); err != nil {
		return fmt.Errorf("flushing an event: %w", err)
	}
	return nil
}
