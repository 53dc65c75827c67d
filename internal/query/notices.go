package query

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Notice is what was told of a job, and what became of it at each target so far.
type Notice struct {
	run.Notice
	Text string `json:"text"`
	// Settled holds, for each target that is done with, the last record of it.
	Settled map[string]run.Notice `json:"settled"`
}

// maxNotices bounds the notices that are read, the newest.
const maxNotices = 100_000

// Notices returns what was told about a job, or about all (""), at since or
// later, oldest first.
func (t *Topics) Notices(ctx context.Context, jobName string, since time.Time) ([]Notice, error) {
	name := t.Names.Notices()
	from, err := t.offsetsAt(ctx, name, nil, since)
	if kafka.Classify(err) == kafka.ClassTopicGone {
		return nil, fmt.Errorf("the topic of notices does not exist; \"belfry topics create\" makes it: %w", err)
	}
	if err != nil {
		return nil, err
	}
	all := []Notice{}
	settled := map[string][]run.Notice{}
	t.begins(name)
	_, err = kafka.ReadFrom(ctx, t.Kafka, name, from, kafka.ReadCommitted, func(r *kgo.Record) error {
		t.counts()
		n, err := topic.DecodeNotice(r.Value)
		readable := err == nil // else it is the servers' business
		if !readable || jobName != "" && n.Job != jobName {
			return nil
		}
		if n.Type != run.NoticeTold {
			settled[n.ID] = append(settled[n.ID], n)
			return nil
		}
		all = append(all, Notice{Notice: n, Text: run.NoticeWords(&n), Settled: map[string]run.Notice{}})
		if len(all) > 2*maxNotices {
			all = slices.Delete(all, 0, len(all)-maxNotices)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the notices: %w", err)
	}
	slices.SortStableFunc(all, func(a, b Notice) int { return a.At.Compare(b.At) })
	for i := range all {
		for _, s := range settled[all[i].ID] {
			all[i].Settled[s.Target] = s
		}
	}
	return all, nil
}
