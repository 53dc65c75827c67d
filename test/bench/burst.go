package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/scheduler"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// lead is the default one.
	lead = scheduler.DefaultLead
	// burstGoal is how long after their due time all runs of a burst are
	// enqueued.
	burstGoal = 5 * time.Second
	// burstRatio is how many fires there are for each that plain transactions
	// write.
	burstRatio = 0.8
	// burstWarm rounds do not count where Kafka has to be warm.
	burstWarm = 2
	// burstWait is after which time a burst counts as lost.
	burstWait = 3 * time.Minute
)

// burst lets one scheduler enqueue many jobs that are due in one second, and
// then plain transactions write the same records again.
func burst(ctx context.Context, o options) error { return bursts(ctx, o, o.kafka.siteApart, 0) }

// burstShared does so on the cores that a warm Kafka uses as well.
func burstShared(ctx context.Context, o options) error {
	return bursts(ctx, o, o.kafka.siteShared, o.warm(burstWarm))
}

func bursts(ctx context.Context, o options, where func(context.Context) (*site, error), warm int) error {
	s, err := where(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	to, err := o.kafka.site(ctx)
	if err != nil {
		return err
	}
	defer to.close()
	w := &watch{changed: make(chan struct{}, 1)}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go s.pretend(ctx)
	ended := make(chan error, 1)
	ready := make(chan struct{})
	go func() {
		ended <- scheduler.Run(ctx, scheduler.Options{
			Name: "scheduler-1", Kafka: s.kafka, Names: s.names, Shards: shards, Lead: lead,
			OnEvent: w.event, Ready: sync.OnceFunc(func() { close(ready) }),
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		return err
	}
	fmt.Printf("%-7s %14s %14s %8s %14s %8s %6s %7s\n", "round", "Belfry", "plain", "ratio", "after due", "of goal", "lost", "goals")
	for round := 1 - warm; round <= o.rounds; round++ {
		b, err := s.burst(ctx, w, o.burst)
		if err != nil {
			return err
		}
		plain, err := s.replay(ctx, to, b.runs)
		if err != nil {
			return err
		}
		belfry := float64(o.burst) / b.took.Seconds()
		fmt.Printf("%-7s %12.0f/s %12.0f/s %8.2f %14s %8.2f %6d %7s\n", roundName(round), belfry, plain, belfry/plain,
			b.last.Round(time.Millisecond), (b.last+lead).Seconds()/(burstGoal+lead).Seconds(), b.lost,
			counting(round, belfry/plain >= burstRatio && b.last <= burstGoal && b.lost == 0))
	}
	stop()
	return <-ended
}

// pretend beats as a worker with room for every burst: without one a scheduler
// holds runs back. It claims nothing, so that only the scheduler is measured.
func (s *site) pretend(ctx context.Context) {
	everywhere := make([]int32, topic.DefaultQueuePartitions)
	for p := range everywhere {
		everywhere[p] = int32(p)
	}
	beat := member.Beat{
		ID: "pretended", Role: member.RoleWorker, Incarnation: 1, Cluster: "cluster-a",
		Runs: member.Slots{Total: math.MaxInt16, Free: math.MaxInt16, Partitions: everywhere},
	}
	tick := time.NewTicker(member.WorkerEvery)
	defer tick.Stop()
	for ; ctx.Err() == nil; <-tick.C {
		beat.Seq++
		beat.At = time.Now().UTC()
		value, err := topic.EncodeBeat(beat)
		if err != nil {
			panic(err) // it has no field that cannot be encoded
		}
		s.plain.Produce(ctx, &kgo.Record{Topic: s.names.Members(), Key: []byte(beat.ID), Value: value}, nil)
	}
}

// watch counts what a scheduler committed.
type watch struct {
	enqueued atomic.Int64
	last     atomic.Int64 // when, in nanoseconds since 1970
	changed  chan struct{}
}

func (w *watch) event(ev run.Event) {
	if ev.Type != run.EventEnqueued {
		return
	}
	w.enqueued.Add(1)
	w.last.Store(time.Now().UnixNano())
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// bursting is what became of one burst: how long it took from the first
// decision to the last commit, and when that was by the due time.
type bursting struct {
	took, last time.Duration
	lost       int
	runs       map[run.ID]bool
}

func (s *site) burst(ctx context.Context, w *watch, n int) (bursting, error) {
	var b bursting
	// Long enough for all definitions to be read.
	due := time.Now().Add(30*time.Second + time.Duration(n)*time.Second/1500).Truncate(time.Second)
	before := w.enqueued.Load()
	err := s.apply(ctx, n, func(i int) job.Job {
		j := definition(i)
		j.Schedule = "@at " + due.UTC().Format(time.RFC3339)
		return j
	})
	if err != nil {
		return b, err
	}
	if time.Until(due) < lead {
		return b, errors.New("invalid: the jobs were not in force in time")
	}
	limit := time.NewTimer(time.Until(due.Add(burstWait)))
	defer limit.Stop()
	for w.enqueued.Load()-before < int64(n) {
		select {
		case <-ctx.Done():
			return b, ctx.Err()
		case <-w.changed:
			continue
		case <-limit.C:
		}
		break
	}
	b.last = time.Unix(0, w.last.Load()).Sub(due)
	first := time.Now()
	b.runs = make(map[run.ID]bool, n)
	err = kafka.ReadAll(ctx, s.kafka, s.names.Runs("cluster-a"), nil, kafka.ReadCommitted, func(r *kgo.Record) error {
		decoded, err := topic.DecodeRun(r.Value, "cluster-a")
		if err != nil || !decoded.Due.Equal(due) {
			return err
		}
		if b.runs[decoded.ID] {
			return fmt.Errorf("invalid: run %s was handed out again, since it lay on its queue for too long", decoded.ID)
		}
		b.runs[decoded.ID] = true
		if decoded.StagedAt.Before(first) {
			first = decoded.StagedAt
		}
		return nil
	})
	b.lost = n - len(b.runs)
	b.took = due.Add(b.last).Sub(first)
	return b, err
}

// replayBatch is how many records a plain transaction holds: what a shard's
// hold at most.
const replayBatch = 3000

// replay writes the records of those runs again, with plain transactions into
// topics of their own, one client for each shard, and returns how many runs that is
// a second.
func (s *site) replay(ctx context.Context, to *site, runs map[run.ID]bool) (float64, error) {
	records, err := s.records(ctx, to.names, runs)
	if err != nil {
		return 0, err
	}
	clients := make([]*kgo.Client, shards)
	for p := range clients {
		cl, err := s.kafka.Transactional(fmt.Sprintf("%splain.%d", to.names.Prefix, p))
		if err != nil {
			return 0, err
		}
		defer cl.Close()
		if _, _, err := cl.ProducerID(ctx); err != nil {
			return 0, err
		}
		clients[p] = cl
	}
	var group sync.WaitGroup
	errs := make([]error, shards)
	began := time.Now()
	for p, cl := range clients {
		group.Go(func() { errs[p] = transactions(ctx, cl, records[p]) })
	}
	group.Wait()
	return float64(len(runs)) / time.Since(began).Seconds(), errors.Join(errs...)
}

func transactions(ctx context.Context, cl *kgo.Client, records []*kgo.Record) error {
	for len(records) > 0 {
		n := min(len(records), replayBatch)
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
		if err := cl.ProduceSync(ctx, records[:n]...).FirstErr(); err != nil {
			return err
		}
		if err := cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

// records are those that enqueued the runs, by shard, in the order of their
// runs: the run, its event and the state of its job.
func (s *site) records(ctx context.Context, to topic.Names, runs map[run.ID]bool) ([shards][]*kgo.Record, error) {
	var all [shards][]*kgo.Record
	type place struct {
		from, to string
		shard    func(*kgo.Record) (int32, bool)
	}
	byPartition := func(r *kgo.Record, id run.ID) (int32, bool) { return r.Partition, runs[id] }
	places := []place{
		{s.names.Runs("cluster-a"), to.Runs("cluster-a"), func(r *kgo.Record) (int32, bool) {
			decoded, err := topic.DecodeRun(r.Value, "cluster-a")
			return decoded.Shard, err == nil && runs[decoded.ID]
		}},
		{s.names.Events(), to.Events(), func(r *kgo.Record) (int32, bool) {
			ev, err := topic.DecodeEvent(r.Value)
			if err != nil || ev.Type != run.EventEnqueued {
				return 0, false
			}
			return byPartition(r, ev.Run)
		}},
		{s.names.State(), to.State(), func(r *kgo.Record) (int32, bool) {
			st, err := topic.DecodeState(r.Value)
			if err != nil || !topic.IsJobKey(string(r.Key)) || len(st.Active) == 0 {
				return 0, false
			}
			return byPartition(r, st.Active[len(st.Active)-1].ID)
		}},
	}
	var columns [shards][][]*kgo.Record
	for _, pl := range places {
		var column [shards][]*kgo.Record
		err := kafka.ReadAll(ctx, s.kafka, pl.from, nil, kafka.ReadCommitted, func(r *kgo.Record) error {
			if p, ours := pl.shard(r); ours {
				column[p] = append(column[p], &kgo.Record{
					Topic: pl.to, Partition: r.Partition, Key: r.Key, Value: append([]byte(nil), r.Value...),
				})
			}
			return nil
		})
		if err != nil {
			return all, err
		}
		for p := range column {
			columns[p] = append(columns[p], column[p])
		}
	}
	for p := range columns {
		for i := range columns[p][0] {
			for _, column := range columns[p] {
				if i < len(column) {
					all[p] = append(all[p], column[i])
				}
			}
		}
	}
	return all, nil
}
