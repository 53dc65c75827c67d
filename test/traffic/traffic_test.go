package traffic_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// The installation whose traffic is counted.
const (
	schedulers = 20
	clusters   = 8
	seconds    = 60
	// recalls is how many runs people take back a second, in all clusters.
	recalls = 8
	// crashEvery is how long a worker lives until it ends without a farewell
	// and comes back under its name.
	crashEvery = 24 * time.Hour
	// speakers is how many schedulers tell a worker that its name is taken.
	speakers = 2
)

// share is what one member does in a second.
type share struct{ records, bytes float64 }

func (s *share) add(value []byte) { s.records++; s.bytes += float64(len(value)) }

func (s share) each(n int) share {
	return share{s.records / float64(n) / seconds, s.bytes / float64(n) / seconds}
}

func (s share) String() string { return fmt.Sprintf("%8.1f %10.0f", s.records, s.bytes) }

// traffic is what was written in the time.
type traffic struct {
	t       *testing.T
	workers int
	view    member.View
	now     time.Time
	lives   []int64 // incarnation of each worker
	seqs    []int64

	byWorkers, byOwners, members share
	control                      [topic.ControlPartitions]share
}

func cluster(worker int) string { return fmt.Sprint("cluster-", worker%clusters) }

func (tr *traffic) beat(b member.Beat, by *share) {
	b.At = tr.now
	value, err := topic.EncodeBeat(b)
	require.NoError(tr.t, err)
	by.add(value)
	tr.members.add(value)
	tr.view.Observe(0, b)
	if over, ok := tr.view.Ousted(b); ok {
		for range speakers {
			tr.tell(run.Control{Type: run.ControlReplaced, Cluster: over.Cluster, Member: over.ID, Incarnation: over.By})
		}
	}
}

// tell writes a control record where the workers of its cluster read.
func (tr *traffic) tell(c run.Control) {
	c.At = tr.now
	value, err := topic.EncodeControl(c)
	require.NoError(tr.t, err)
	tr.byOwners.add(value)
	tr.control[topic.ControlPartition(c.Cluster, topic.ControlPartitions)].add(value)
}

func (tr *traffic) worker(i int) {
	tr.seqs[i]++
	held := []string{"66a0ad2f-e4e6-596f-8a9e-359e1de7bf00:412", "bd1b0527-a3c1-5a49-97b2-b141bff8d28f:7"}
	tr.beat(member.Beat{
		ID: fmt.Sprintf("worker-%04d", i), Role: member.RoleWorker, Incarnation: tr.lives[i], Seq: tr.seqs[i],
		Host: fmt.Sprintf("host-%04d.example", i), Version: "1.0.0", StartedAt: tr.now, Cluster: cluster(i),
		Runs: member.Slots{Total: 8, Free: 4, Partitions: []int32{0}}, Retries: member.Slots{Total: 2, Free: 2, Partitions: []int32{0}},
		Held: held, Started: held,
	}, &tr.byWorkers)
}

// second lets everybody do what it does in one.
func (tr *traffic) second(n int) {
	for half := range 2 {
		for s := range schedulers {
			tr.beat(member.Beat{
				ID: fmt.Sprintf("scheduler-%02d", s), Role: member.RoleScheduler, Incarnation: 1, Seq: int64(2*n + half + 1),
				Host: fmt.Sprintf("host-%02d.example", s), Version: "1.0.0", StartedAt: tr.now, Shards: []int32{int32(s)},
			}, &tr.byOwners)
		}
		tr.now = tr.now.Add(member.SchedulerEvery)
	}
	for i := range tr.workers {
		tr.worker(i)
	}
	for cluster, room := range member.Rooms(tr.view.Members()) {
		tr.tell(run.Control{Type: run.ControlFree, Cluster: cluster, FreeSlots: room.Runs, FreeRetrySlots: room.Retries})
	}
	for i := range recalls {
		tr.tell(run.Control{
			Type: run.ControlRecall, Cluster: cluster(i), Fence: int64(n), Reason: run.ReasonEdited,
			Run: run.NewID("job", tr.now.Add(time.Duration(i)), ""),
		})
	}
	crashes := func(second int) int { return second * tr.workers / int(crashEvery.Seconds()) }
	for c := crashes(n); c < crashes(n+1); c++ {
		i := c % tr.workers
		tr.lives[i], tr.seqs[i] = tr.now.UnixNano(), 0
	}
}

// read is what a worker reads: before, every beat and all of control; now, its
// cluster's partition of control, here the busiest of all.
func (tr *traffic) read() (before, now share) {
	before = tr.members
	for _, p := range tr.control {
		before.records, before.bytes = before.records+p.records, before.bytes+p.bytes
		if p.bytes > now.bytes {
			now = p
		}
	}
	return before, now
}

func simulate(t *testing.T, workers int) *traffic {
	t.Helper()
	tr := &traffic{
		t: t, workers: workers, now: time.Unix(1_800_000_000, 0).UTC(),
		lives: make([]int64, workers), seqs: make([]int64, workers),
	}
	for n := range seconds {
		tr.second(n)
	}
	return tr
}

// TestTrafficOfAWorkerDoesNotGrow prints the table and holds the promise.
func TestTrafficOfAWorkerDoesNotGrow(t *testing.T) {
	var table strings.Builder
	fmt.Fprintf(&table, "members and control, %d schedulers, %d clusters, a second each\n", schedulers, clusters)
	fmt.Fprintf(&table, "%8s  %-26s %8s %10s\n", "workers", "", "records", "bytes")
	shares := map[int]share{}
	for _, workers := range []int{20, 200, 2000} {
		tr := simulate(t, workers)
		before, now := tr.read()
		shares[workers] = now.each(1)
		for _, row := range []struct {
			what string
			share
		}{
			{"a worker reads, before", before.each(1)},
			{"a worker reads", now.each(1)},
			{"a worker writes", tr.byWorkers.each(workers)},
			{"a scheduler reads", tr.members.each(1)},
			{"a scheduler writes", tr.byOwners.each(schedulers)},
			{"all workers read, before", share{before.records * float64(workers), before.bytes * float64(workers)}.each(1)},
			{"all workers read", share{now.records * float64(workers), now.bytes * float64(workers)}.each(1)},
		} {
			fmt.Fprintf(&table, "%8d  %-26s %s\n", workers, row.what, row.share)
		}
		require.InDelta(t, 1, tr.byWorkers.each(workers).records, 0.001, "a worker writes a beat a second")
	}
	t.Log("\n" + table.String())
	require.LessOrEqual(t, shares[2000].records, 1.1*shares[20].records)
	require.LessOrEqual(t, shares[2000].bytes, 1.1*shares[20].bytes)
}
