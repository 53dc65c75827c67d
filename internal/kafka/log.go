package kafka

import (
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/plugin/kslog"
)

// sayAgain is how soon the client may say the same again: while Kafka is
// away it says it with every try, some hundred times a minute.
const sayAgain = 10 * time.Second

// quietLogger is what the client logs to. Its "info" is passed on as debug:
// it tells of every metadata request and group heartbeat change there.
type quietLogger struct {
	*kslog.Logger
	mu   sync.Mutex
	said map[string]time.Time
}

func newQuietLogger(log *slog.Logger) *quietLogger {
	return &quietLogger{Logger: kslog.New(log), said: map[string]time.Time{}}
}

// Level is for the kgo.Logger interface.
func (l *quietLogger) Level() kgo.LogLevel {
	if level := l.Logger.Level(); level != kgo.LogLevelInfo {
		return level
	}
	return kgo.LogLevelWarn
}

// Log is for the kgo.Logger interface.
func (l *quietLogger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	if level == kgo.LogLevelInfo {
		level = kgo.LogLevelDebug
	}
	if level == kgo.LogLevelDebug || l.news(msg, time.Now()) {
		l.Logger.Log(level, msg, keyvals...)
	}
}

// news reports whether msg was not said lately. The client has a fixed set
// of messages, so that what is remembered is bounded.
func (l *quietLogger) news(msg string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.said[msg]; ok && now.Sub(last) < sayAgain {
		return false
	}
	l.said[msg] = now
	return true
}
