package scheduler

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// commitWait bounds a transaction's end; its outcome is unknown then.
const commitWait = 12 * time.Second

// commit makes effects one transaction, together with how far the topics were
// read. Without effects it only renews the lease, when that is due.
func (t *tenure) commit(ctx context.Context, effects shard.Effects) error {
	news := t.listAside()
	if effects.Empty() && !news && time.Since(t.committed) < leaseEvery {
		t.tell(effects)
		return nil
	}
	records, err := t.records(&effects, news)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := t.transact(ctx, records); err != nil {
		return err
	}
	t.saved = t.read
	t.metrics.committed.SetToCurrentTime()
	t.metrics.transactions.Observe(time.Since(began).Seconds())
	t.metrics.transactionRecords.Observe(float64(len(records)))
	t.tell(effects)
	return nil
}

// transact commits the records in one transaction. After an error the client
// is of no more use: what became of the transaction only the log knows.
func (t *tenure) transact(ctx context.Context, records []*kgo.Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitWait)
	defer cancel()
	t.committed = time.Now()
	t.facts.committing.Note(t.committed)
	defer t.facts.committing.Clear()
	if err := t.cl.BeginTransaction(); err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	// A fenced produce lets the end succeed with nothing committed, so that
	// every record's own result counts.
	if err := t.produce(ctx, records); err != nil {
		return fmt.Errorf("producing in a transaction: %w", err)
	}
	if err := t.cl.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return fmt.Errorf("ending a transaction: %w", err)
	}
	return nil
}

// produce sends the records and waits for the acknowledgement of each. A record
// that may have reached Kafka outlives its context in the client, so that the
// wait has a bound of its own.
func (t *tenure) produce(ctx context.Context, records []*kgo.Record) error {
	acknowledged := make(chan error, len(records))
	for _, r := range records {
		t.cl.Produce(ctx, r, func(r *kgo.Record, err error) {
			if class := kafka.Classify(err); class == kafka.ClassTooLarge || class == kafka.ClassAuthorization {
				err = &refusedError{r, err}
			}
			acknowledged <- err
		})
	}
	var failed error
	for range records {
		select {
		case err := <-acknowledged:
			failed = cmp.Or(failed, err)
		case <-ctx.Done():
			return cmp.Or(failed, ctx.Err())
		}
	}
	return failed
}

// records encodes effects. A run that cannot be enqueued is marked refused,
// which the core is told after the commit. The shard's record is among them if
// it has news, or if the effects do not say how far the topics were read.
func (t *tenure) records(effects *shard.Effects, news bool) ([]*kgo.Record, error) {
	all := make([]*kgo.Record, 0, effects.Records()+1)
	var failed error
	add := func(name string, p int32, job, key string, value []byte, err error) {
		if err != nil && failed == nil {
			failed = fmt.Errorf("encoding a record of %s: %w", name, err)
		}
		all = append(all, aboutJob(job, &kgo.Record{Topic: name, Partition: p, Key: []byte(key), Value: value}))
	}
	names := t.o.Names
	for i := range effects.Enqueue {
		q := &effects.Enqueue[i]
		record, refused := t.enqueueRecord(q)
		if refused != "" {
			q.Refused = refused
			continue
		}
		all = append(all, record)
	}
	for _, ev := range effects.Events {
		value, err := t.codec.EncodeEvent(ev)
		add(names.Events(), t.shard, ev.Job, ev.Job, value, err)
	}
	for _, c := range effects.Control {
		value, err := topic.EncodeControl(c)
		add(names.Control(), topic.ControlPartition(c.Cluster, t.controls), "", string(c.Run), value, err)
	}
	for _, d := range effects.Dead {
		name, p, key := t.deadPlace(d)
		value, err := topic.EncodeDeadLetter(d.Letter)
		add(name, p, "", key, value, err)
	}
	for _, st := range effects.States {
		value, err := t.codec.EncodeState(st)
		add(names.State(), t.shard, st.Job, st.Job, value, err)
	}
	for _, job := range effects.Forget {
		add(names.State(), t.shard, job, job, nil, nil)
	}
	if news || !effects.Positioned() || t.read.Jobs != t.saved.Jobs || t.read.Commands != t.saved.Commands {
		value, err := topic.EncodeShard(t.record())
		add(names.State(), t.shard, "", topic.ShardKey, value, err)
	}
	return all, failed
}

// record is the shard record as it stands. Events alone need none: they say
// themselves how far the owner had read (run.Event.Read).
func (t *tenure) record() topic.ShardRecord {
	r := t.read
	r.Replay = t.core.ReplayFrom()
	r.Shard, r.Owner, r.Incarnation, r.At = t.shard, t.o.Name, t.incarnation, time.Now().UTC()
	return r
}

// enqueueRecord places a run, or says why it cannot be.
func (t *tenure) enqueueRecord(q *shard.Enqueue) (*kgo.Record, string) {
	name := t.o.Names.Runs(q.Run.Cluster)
	if q.Queue == run.QueueRetries {
		name = t.o.Names.Retries(q.Run.Cluster)
	}
	n := t.queues.partitions(name, q.Run.Cluster)
	if n == 0 {
		return nil, run.ReasonNoQueue
	}
	value, err := t.codec.EncodeRun(q.Run)
	if err != nil || len(value) > topic.MaxRecord {
		return nil, run.ReasonOversized
	}
	p := q.Partition
	if p == shard.AnyPartition || p >= n {
		p = topic.Partition(string(q.Run.ID), n)
	}
	return aboutJob(q.Run.Job, &kgo.Record{Topic: name, Partition: p, Key: []byte(q.Run.ID), Value: value}), ""
}

// deadPlace is where a dead letter goes: to its cluster's, if that exists.
func (t *tenure) deadPlace(d shard.Dead) (name string, p int32, key string) {
	name, key = t.o.Names.Dead(), string(d.Letter.Key)
	if d.Letter.Topic != "" {
		key = topic.Place{Topic: d.Letter.Topic, Partition: d.Letter.Partition, Offset: d.Letter.Offset}.String()
	}
	if d.Letter.Run != nil {
		key = string(d.Letter.Run.ID)
	}
	if d.Cluster != "" {
		if n := t.queues.partitions(t.o.Names.DeadOf(d.Cluster), d.Cluster); n > 0 {
			name = t.o.Names.DeadOf(d.Cluster)
			p = topic.Partition(key, n)
		}
	}
	return name, p, key
}

// tell reports what was committed.
func (t *tenure) tell(effects shard.Effects) {
	now := time.Now()
	for _, q := range effects.Enqueue {
		t.metrics.enqueued.WithLabelValues(t.metrics.clusters.label(q.Run.Cluster), q.Run.Trigger.Label()).Inc()
		if q.Run.Trigger == run.TriggerSchedule && q.Run.Attempt == 1 {
			t.metrics.staged.Observe(q.Run.NotBefore.Sub(now).Seconds())
		}
		if q.Run.Hops > 0 {
			t.metrics.placedAnew.Inc()
		}
	}
	for _, d := range effects.Dead {
		t.metrics.deadLetters.Inc()
		t.o.Log.Warn("dead letter", "what", deadWhat(d.Letter), "reason", d.Letter.Reason)
	}
	for _, ev := range effects.Succeeded {
		t.metrics.ended.WithLabelValues(t.metrics.clusters.label(ev.Cluster), string(run.StateSucceeded)).Inc()
	}
	for _, ev := range effects.Events {
		if ev.Type == run.EventDeferred && run.HeldBack(ev.Reason) {
			t.queues.ensure(t.o.Names.Runs(ev.Cluster), ev.Cluster)
		}
		t.count(ev)
		if t.o.OnEvent != nil {
			t.o.OnEvent(ev)
		}
	}
}

// deadWhat names what a dead letter is about.
func deadWhat(l run.DeadLetter) string {
	switch {
	case l.Run != nil:
		return fmt.Sprintf("run %s of %s", l.Run.ID, l.Run.Job)
	case l.Topic != "":
		return fmt.Sprintf("record %d of %s/%d", l.Offset, l.Topic, l.Partition)
	}
	return "job " + string(l.Key)
}

func (t *tenure) count(ev run.Event) {
	switch ev.Type {
	case run.EventSkipped:
		t.metrics.skipped.WithLabelValues(run.ReasonLabel(ev.Reason)).Add(float64(max(ev.Count, 1)))
	case run.EventEnded:
		t.metrics.ended.WithLabelValues(t.metrics.clusters.label(ev.Cluster), ev.State.Label()).Inc()
	case run.EventRetrying:
		t.metrics.retries.Inc()
	case run.EventLost:
		t.metrics.lost.Inc()
	case run.EventRecalling:
		t.metrics.recalls.Inc()
	case run.EventLate:
		t.metrics.countLate(&ev)
	case run.EventEnqueued, run.EventDeferred, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventClaimed, run.EventStarting,
		run.EventFinished, run.EventReturned, run.EventDropped:
	}
}
