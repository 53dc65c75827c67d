package hostile

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

// keptLines bounds the lines that are shown of a test that failed.
const keptLines = 60

// logbook is a log that counts what it says of unreadable records, and keeps
// its last warnings for who has to find out why a test failed.
type logbook struct {
	slog.Handler

	mu         sync.Mutex
	unreadable int
	longest    int
	// longestText is how the longest line begins.
	longestText string
	last        []string
}

func newLogbook(t *testing.T) *logbook {
	t.Helper()
	l := &logbook{}
	l.Handler = slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelWarn})
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("the log's last warnings:\n" + strings.Join(l.last, ""))
		}
	})
	return l
}

// Write takes one line from the handler.
func (l *logbook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := string(line[:min(len(line), 400)])
	if len(line) > l.longest {
		l.longest, l.longestText = len(line), text
	}
	if strings.Contains(text, "unreadable") || strings.Contains(text, "cannot be read") {
		l.unreadable++
		return len(line), nil
	}
	if !strings.Contains(text, "dead letter") {
		l.last = append(l.last[max(0, len(l.last)-keptLines):], text+"\n")
	}
	return len(line), nil
}

// read returns how many records the log says cannot be read, and its longest
// line's length and beginning.
func (l *logbook) read() (unreadable, longest int, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.unreadable, l.longest, l.longestText
}

// Handle is slog.Handler's.
func (l *logbook) Handle(ctx context.Context, r slog.Record) error { return l.Handler.Handle(ctx, r) }
