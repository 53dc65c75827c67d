package conformance

import (
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

// members folds the log of beats.
func (w *world) members() []member.Member {
	w.t.Helper()
	var v member.View
	require.NoError(w.t, kafka.ReadAll(w.t.Context(), w.kafka, w.names.Members(), nil, kafka.ReadUncommitted, func(r *kgo.Record) error {
		if b, err := topic.DecodeBeat(r.Value); err == nil {
			v.Observe(r.Partition, b)
		}
		return nil
	}))
	return v.Members()
}

// member returns what the log says of one.
func (w *world) member(name string) (found member.Member) {
	w.t.Helper()
	for _, m := range w.members() {
		if m.ID == name {
			found = m
		}
	}
	return found
}

// owned is how many shards the scheduler says it owns.
func (w *world) owned(name string) int { return len(w.member(name).Shards) }
