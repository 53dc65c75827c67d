package gate

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Tokens are those of the topic "access", followed.
type Tokens struct {
	mu   sync.RWMutex
	byID map[string]access.Token
}

// NewTokens returns no tokens: Follow brings them.
func NewTokens() *Tokens { return &Tokens{byID: map[string]access.Token{}} }

// Follow reads the topic until ctx ends, whose error it returns. A record that
// cannot be read is passed over, and what it replaced is no token any more.
func (t *Tokens) Follow(ctx context.Context, o kafka.Options, names topic.Names) error {
	return kafka.Follow(ctx, o, names.Access(), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		t.fold(string(r.Key), r.Value)
		return nil
	})
}

func (t *Tokens) fold(key string, value []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.byID, key)
	if value == nil || len(t.byID) >= access.MaxTokens {
		return
	}
	if one, err := topic.DecodeToken(value); err == nil && one.ID == key {
		t.byID[key] = one
	}
}

// Find returns the token whose text that is, if it is valid at now.
func (t *Tokens) Find(text string, now time.Time) (access.Token, bool) {
	id, ok := access.IDOf(text)
	if !ok {
		return access.Token{}, false
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	one := t.byID[id] // the zero Token has no hash, and no text
	return one, one.Valid(text, now)
}

// Has reports whether there is a token with that ID that is valid at now.
func (t *Tokens) Has(id string, now time.Time) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	one, ok := t.byID[id]
	return ok && (one.EndsAt.IsZero() || now.Before(one.EndsAt))
}
