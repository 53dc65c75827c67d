package ready_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/ready"
)

func begin() time.Time { return time.Date(2026, 3, 29, 3, 0, 0, 0, time.UTC) }

// state is what roles of every kind answer.
type state interface {
	Reasons(now time.Time) []ready.Reason
}

// TestReasons: each fact that lasts for longer than Patience is one reason, in
// words, and since when; none is one before.
func TestReasons(t *testing.T) {
	at := begin()
	just, long := at.Add(-ready.Patience), at.Add(-ready.Patience-time.Second)
	well := ready.Role{Name: "m", Began: at.Add(-time.Hour), Beaten: just, Working: true}
	scheduler := func(change func(*ready.Scheduler)) state {
		s := ready.Scheduler{Role: well, Heard: just, Shards: []ready.Shard{
			{Number: 1, Unloaded: just, Committing: just, Unclaimed: 2, Oldest: just}, {Number: 7},
		}}
		change(&s)
		return s
	}
	worker := func(change func(*ready.Worker)) state {
		w := ready.Worker{Role: well, Overdue: 3, Oldest: just, Queues: []ready.Queue{
			{Name: "runs", Outside: just, Failing: just, Claiming: just}, {Name: "retries"},
		}}
		change(&w)
		return w
	}
	for name, c := range map[string]struct {
		state  state
		code   ready.Code
		detail string
	}{
		"a scheduler that is well":      {state: scheduler(func(*ready.Scheduler) {})},
		"a scheduler without shards":    {state: scheduler(func(s *ready.Scheduler) { s.Shards = nil })},
		"a worker that is well":         {state: worker(func(*ready.Worker) {})},
		"a worker without partitions":   {state: worker(func(w *ready.Worker) { w.Queues = []ready.Queue{{Name: "runs"}} })},
		"a broker that is well":         {state: ready.Broker{Accepting: true}},
		"starting":                      {worker(func(w *ready.Worker) { w.Working, w.Beaten = false, time.Time{} }), ready.Starting, "has not begun to work"},
		"leaving":                       {worker(func(w *ready.Worker) { w.Leaving = at }), ready.Leaving, "takes no more"},
		"beats not acknowledged":        {worker(func(w *ready.Worker) { w.Beaten = long }), ready.KafkaSilent, "no beat for 6s"},
		"none was ever":                 {worker(func(w *ready.Worker) { w.Beaten, w.Began = time.Time{}, long }), ready.KafkaSilent, "no beat for 6s"},
		"cut off, and all that follows": {scheduler(func(s *ready.Scheduler) { s.Beaten, s.Heard, s.Shards[0].Unloaded = long, long, long }), ready.KafkaSilent, "no beat for 6s"},
		"beats not read":                {scheduler(func(s *ready.Scheduler) { s.Heard = long }), ready.MembersUnread, "read no beat for 6s"},
		"a shard not taken over":        {scheduler(func(s *ready.Scheduler) { s.Shards[0].Unloaded = long }), ready.ShardNotLoaded, "shard 1 is its own"},
		"a transaction that hangs":      {scheduler(func(s *ready.Scheduler) { s.Shards[1].Committing = long }), ready.CommitStuck, "a transaction of shard 7"},
		"a queue that is stuck":         {scheduler(func(s *ready.Scheduler) { s.Shards[0].Oldest = long }), ready.RunsUnclaimed, "2 runs of shard 1"},
		"not in the group":              {worker(func(w *ready.Worker) { w.Queues[0].Outside = long }), ready.NotInGroup, "queue runs for 6s"},
		"claims that fail":              {worker(func(w *ready.Worker) { w.Queues[1].Failing = long }), ready.ClaimsFailing, "queue retries has failed for 6s"},
		"a claim that hangs":            {worker(func(w *ready.Worker) { w.Queues[0].Claiming = long }), ready.ClaimStuck, "a claim from queue runs"},
		"runs that do not start":        {worker(func(w *ready.Worker) { w.Oldest = long }), ready.RunsOverdue, "3 runs that it holds"},
		"a broker that accepts nobody":  {ready.Broker{}, ready.BrokerDeaf, "accept connections"},
		"a disk that is full":           {ready.Broker{Accepting: true, Full: just}, ready.DiskFull, "until there is room"},
		"a disk that cannot be written": {ready.Broker{Accepting: true, Failing: just}, ready.DiskErrors, "cannot write"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := ready.Answered(c.state.Reasons(at))
			if c.code == "" {
				require.True(t, answer.Ready, "%+v", answer)
				require.Empty(t, answer.Reasons)
				return
			}
			require.False(t, answer.Ready)
			require.Len(t, answer.Reasons, 1)
			require.Equal(t, c.code, answer.Reasons[0].Code)
			require.Contains(t, answer.Reasons[0].Detail, c.detail)
			require.NotEmpty(t, answer.Reasons[0].Of)
		})
	}
}

// TestEveryCodeIsDocumented: operators find each in the table.
func TestEveryCodeIsDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/operations.md")
	require.NoError(t, err)
	parsed, err := parser.ParseFile(token.NewFileSet(), "ready.go", nil, 0)
	require.NoError(t, err)
	codes := 0
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && spec.Type != nil {
			code, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			require.Contains(t, string(docs), "\n| `"+code+"` |")
			codes++
		}
		return true
	})
	require.Greater(t, codes, 10)
}

// TestReasonsLast: what is a reason stays one while nothing changes.
func TestReasonsLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instant := rapid.Custom(func(t *rapid.T) time.Time {
			ago := rapid.IntRange(-1, 20).Draw(t, "ago")
			if ago < 0 {
				return time.Time{}
			}
			return begin().Add(-time.Duration(ago) * time.Second)
		})
		w := ready.Worker{
			Role: ready.Role{
				Began: begin().Add(-time.Minute), Beaten: instant.Draw(t, "beaten"), Working: rapid.Bool().Draw(t, "working"),
			},
			Queues: []ready.Queue{{
				Outside: instant.Draw(t, "outside"), Failing: instant.Draw(t, "failing"), Claiming: instant.Draw(t, "claiming"),
			}},
		}
		before := ready.Answered(w.Reasons(begin()))
		after := ready.Answered(w.Reasons(begin().Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(t, "later"))))
		require.True(t, before.Ready || !after.Ready)
		for i, r := range after.Reasons {
			require.False(t, i > 0 && r.Since.Before(after.Reasons[i-1].Since), "the oldest comes first")
		}
	})
}
