package cli_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/cli"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// hostile is what a terminal would obey: a colour, the same in one character,
// DEL, turned text, line ends of two kinds, and a forged line.
const hostile = "e\x1b[31mv\u009b31mi\x7fl\u202e\u2066\u200e\u200f\u061c\u2028\u2029\u0085\r\nforged"

// forbidden are the characters of hostile that must never be shown.
const forbidden = "\x1b\u009b\x7f\u202e\u2066\u200e\u200f\u061c\u2028\u2029\u0085\r"

// plant writes records of every kind whose every text is hostile.
func plant(t *testing.T) (o kafka.Options, due time.Time) {
	t.Helper()
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	o = kafka.Options{Brokers: broker.ListenAddrs()}
	cl, err := o.Client()
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	names := topic.Names{Prefix: topic.DefaultPrefix}
	const shards = 2
	_, err = kafka.NewAdmin(cl, names).EnsureTopics(t.Context(), []string{"cluster-a"}, shards, kafka.EnsureOptions{})
	require.NoError(t, err)
	home := topic.Partition(hostile, shards)
	now := time.Now().UTC().Truncate(time.Second)
	due = now.Add(-time.Minute)
	put := func(name string, partition int32, key string) func(value []byte, err error) {
		return func(value []byte, err error) {
			t.Helper()
			require.NoError(t, err)
			r := &kgo.Record{Topic: name, Partition: partition, Key: []byte(key), Value: value}
			require.NoError(t, cl.ProduceSync(t.Context(), r).FirstErr())
		}
	}
	put(names.Jobs(), home, hostile)(topic.EncodeJob(topic.Job{AppliedAt: now, AppliedBy: hostile, Job: job.Job{
		Name: hostile, Schedule: hostile, Timezone: hostile, Cluster: hostile, Command: []string{hostile}, Source: hostile,
	}}))
	failed := &run.Outcome{State: hostile, Signal: hostile, StartFailure: hostile, Reason: hostile, StartedAt: due, EndedAt: now, Tail: hostile}
	for n := range 2 { // of which one letter names both
		id := run.ID(fmt.Sprintf("a%s%d", hostile, n))
		for _, ev := range []run.Event{
			{Type: run.EventEnqueued, Attempt: 1, NotBefore: due, Trigger: hostile},
			{Type: run.EventDeferred, Reason: hostile},
			{Type: run.EventClaimed, Attempt: 1},
			{Type: run.EventStarting, Attempt: 1},
			{Type: run.EventReturned, Attempt: 1, Reason: hostile},
			{Type: run.EventFinished, Attempt: 1, Outcome: failed},
			{Type: run.EventLost, Attempt: 1, Reason: hostile},
			{Type: hostile, Attempt: 1, Reason: hostile},
			{Type: run.EventEnded, Attempt: 1, State: hostile, Reason: hostile, Outcome: failed},
			{Type: run.EventSkipped, Run: "-", Due: due.Add(-time.Minute), Reason: job.ReasonCalendar + hostile, Count: 2, Through: due},
		} {
			ev.Job, ev.At, ev.By, ev.Cluster, ev.Fence = hostile, now, hostile, hostile, 1
			if ev.Run == "" {
				ev.Run, ev.Due = id, due
			}
			put(names.Events(), home, hostile)(topic.EncodeEvent(ev))
		}
	}
	put(names.State(), home, hostile)(topic.EncodeState(shard.JobState{
		Job: hostile, Through: now,
		Active: []shard.Active{{ID: "b" + hostile, Due: due, State: hostile, Cluster: "cluster-a", Holder: hostile}},
		Recent: []shard.Summary{{ID: "c" + hostile, Due: due, State: hostile, EndedAt: now}},
	}))
	put(names.Dead(), 0, "1")(topic.EncodeDeadLetter(run.DeadLetter{At: now, By: hostile, Reason: hostile, Topic: hostile}))
	put(names.DeadOf("cluster-a"), 0, "2")(topic.EncodeDeadLetter(run.DeadLetter{
		At: now, By: hostile, Reason: hostile, Outcome: failed,
		Run: &run.Run{ID: "d" + hostile, Job: hostile, Cluster: hostile, Due: due, Attempt: 1},
	}))
	put(names.Members(), 0, hostile)(topic.EncodeBeat(member.Beat{
		ID: hostile, Role: hostile, Incarnation: 1, Seq: 1, At: now, Host: hostile, Version: hostile, Cluster: hostile, StartedAt: now,
		Closed: []member.Closed{{Cluster: hostile, Reason: hostile}},
	}))
	put(names.State(), home, topic.ShardKey)(topic.EncodeShard(topic.ShardRecord{
		Shard: home, Aside: []topic.Aside{{Job: hostile, Reason: "e\x1b[31m\nforged"}},
	}))
	return o, due
}

// TestHostileRecordsControlNoTerminal: whatever records hold, no command shows
// a character that a terminal obeys, and no text of theirs begins a line.
func TestHostileRecordsControlNoTerminal(t *testing.T) {
	o, due := plant(t)
	t.Chdir(t.TempDir())
	t.Setenv("BELFRY_BROKERS", o.Brokers[0])
	require.NoError(t, os.WriteFile(filepath.Join(".", "jobs.yaml"), []byte("jobs: [{name: a, command: 'true'}]\n"), 0o600))
	shownAt := 0
	for _, args := range [][]string{
		{"jobs"},
		{"jobs", "-o", "json"},
		{"runs"},
		{"runs", "--job", hostile},
		{"runs", "-o", "json"},
		{"explain", hostile},
		{"explain", hostile, "--at", due.Format(time.RFC3339)},
		{"explain", hostile, "--at", due.Add(-time.Minute).Format(time.RFC3339)},
		{"explain", hostile, "-o", "json"},
		{"explain", hostile + "absent"},
		{"dead", "list"},
		{"dead", "list", "-o", "json"},
		{"dead", "requeue", "d"},
		{"members", "--all"},
		{"members", "--all", "-o", "json"},
		{"logs", "a"},
		{"logs", "b"},
		{"logs", "c"},
		{"logs", "absent" + hostile},
		{"cancel", "a"},
		{"cancel", "b"},
		{"cancel", "c"},
		{"plan", "-f", "jobs.yaml", "--prune"},
		{"plan", "-f", "jobs.yaml", "--prune", "-o", "json"},
		{"apply", "-f", "jobs.yaml", "--prune", "--dry-run"},
		{"pause", hostile},
		{"resume", hostile},
		{"run", hostile},
		{"topics", "list"},
		{"jobs", "--cluster"},
		{"jobs", "--" + hostile},
		{"topics", "resize", hostile, "--partitions", "9"},
	} {
		t.Run(strings.ReplaceAll(strings.Join(args, " "), hostile, "HOSTILE"), func(t *testing.T) {
			var out, problems bytes.Buffer
			code := cli.Main(args, &out, &problems)
			t.Logf("exit code %d\n%s\n%s", code, out.String(), problems.String())
			for _, text := range []string{out.String(), problems.String()} {
				require.NotContains(t, "\n"+text, "\nforged")
				at := strings.IndexAny(text, forbidden)
				require.Negative(t, at, "%q", text[max(0, at-20):])
			}
			if strings.Contains(out.String()+problems.String(), `\u001b`) {
				shownAt++
			}
		})
	}
	require.Greater(t, shownAt, 15, "the records are there, and can be seen")
}
