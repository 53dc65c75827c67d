package query

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Tokens returns the tokens that were not revoked, by name and ID.
func (t *Topics) Tokens(ctx context.Context) ([]access.Token, error) {
	tokens := map[string]access.Token{}
	err := t.readAll(ctx, t.Names.Access(), nil, func(r *kgo.Record) error {
		delete(tokens, string(r.Key))
		if k, err := topic.DecodeToken(r.Value); r.Value != nil && err == nil && k.ID == string(r.Key) {
			tokens[k.ID] = k
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the tokens: %w", err)
	}
	return slices.SortedFunc(maps.Values(tokens), func(a, b access.Token) int {
		return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID)
	}), nil
}
