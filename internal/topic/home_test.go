package topic_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestRecordsElsewhereAreRefused: and the reason names where they belong.
func TestRecordsElsewhereAreRefused(t *testing.T) {
	jobs := func(p int32) topic.Place { return topic.Place{Topic: "belfry.jobs", Partition: p} }
	r := func(cluster string, shard int32) *run.Run {
		return &run.Run{ID: "66a0", Job: "nightly-report", Cluster: cluster, Shard: shard}
	}
	for name, c := range map[string]struct {
		err  error
		says string // empty: it belongs there
	}{
		"a job":                      {topic.CheckJobPlace(jobs(5), []byte("nightly-report"), "nightly-report", 8), ""},
		"a job under another's name": {topic.CheckJobPlace(jobs(5), []byte("hello"), "nightly-report", 8), `key is "hello", but it belongs under its job's name, "nightly-report"`},
		"a job under no name":        {topic.CheckJobPlace(jobs(5), nil, "nightly-report", 8), `key is "", but`},
		"a job of another shard":     {topic.CheckJobPlace(jobs(4), []byte("nightly-report"), "nightly-report", 8), "belong in belfry.jobs/5"},
		"a shard's record":           {topic.CheckShardPlace(jobs(3), topic.ShardRecord{Shard: 3}), ""},
		"another shard's record":     {topic.CheckShardPlace(jobs(3), topic.ShardRecord{Shard: 4}), "belongs in belfry.jobs/4"},
		"a run":                      {topic.CheckRunPlace([]byte("66a0"), r("a", 5), "a", 8), ""},
		"a run under another's ID":   {topic.CheckRunPlace([]byte("77"), r("a", 5), "a", 8), "belongs under its run's ID, 66a0"},
		"a run of another cluster":   {topic.CheckRunPlace([]byte("66a0"), r("b", 5), "a", 8), `cluster "b" and belongs in a queue of it, not of "a"`},
		"a run of another shard":     {topic.CheckRunPlace([]byte("66a0"), r("a", 4), "a", 8), "belong to shard 5 of 8"},
		"a recall":                   {topic.CheckControlPlace([]byte("66a0"), &run.Control{Type: run.ControlRecall, Run: "66a0"}), ""},
		"a recall of another run":    {topic.CheckControlPlace([]byte("66a1"), &run.Control{Type: run.ControlRecall, Run: "66a0"}), `belongs under "66a0"`},
		"free slots":                 {topic.CheckControlPlace([]byte("a"), &run.Control{Type: run.ControlFree, Cluster: "a"}), ""},
		"another member's end":       {topic.CheckControlPlace([]byte("w1"), &run.Control{Type: run.ControlReplaced, Member: "w1"}), `belongs under "member/w1"`},
		"a control of a later type":  {topic.CheckControlPlace([]byte("x"), &run.Control{Type: "later"}), ""},
		"a beat":                     {topic.CheckBeatPlace([]byte("w1"), &member.Beat{ID: "w1"}), ""},
		"a beat under another name":  {topic.CheckBeatPlace([]byte("w2"), &member.Beat{ID: "w1"}), `belongs under its member's ID, "w1"`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.says == "" {
				require.NoError(t, c.err)
			} else {
				require.ErrorContains(t, c.err, c.says)
			}
		})
	}
}
