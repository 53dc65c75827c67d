package notice

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// maxUnsettled bounds the notices read and not settled, maxSettled the
	// deliveries remembered.
	maxUnsettled = 2000
	maxSettled   = 50_000
	// pollWait bounds a poll, commitEvery is how often it is said how far
	// everything is settled.
	pollWait    = time.Second
	commitEvery = time.Second
	// writeWait bounds the writing of what became of a notice.
	writeWait = 30 * time.Second
)

// delivery is one membership in the group.
type delivery struct {
	*Service
	cl *kgo.Client

	mu         sync.Mutex
	partitions map[int32]*partition
	// settled are the deliveries that the log tells of, by notice and target.
	settled   map[string]bool
	unsettled int
	committed time.Time
	// writing are those who write what became of a notice.
	writing sync.WaitGroup
}

// partition is what is known of one that is ours.
type partition struct {
	// next is behind the last record read; open counts, for each notice that is
	// not settled, by its offset, the targets that have yet to be.
	next int64
	open map[int64]int
	// until is where the partition ended when it became ours: before that was
	// read, what waits is held in held.
	until int64
	held  []held
	// gone: it is ours no more.
	gone atomic.Bool
}

type held struct {
	notice run.Notice
	offset int64
}

// follow reads the topic until ctx ends.
func (d *delivery) follow(ctx context.Context) error {
	defer func() { d.commit(context.WithoutCancel(ctx)) }()
	for ctx.Err() == nil {
		polling, cancel := context.WithTimeout(ctx, pollWait)
		fetches := d.cl.PollRecords(polling, 500)
		cancel()
		fetches.EachError(func(name string, p int32, err error) {
			if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
				d.o.Log.Warn("reading notices", "topic", name, "partition", p, "error", err)
			}
		})
		fetches.EachRecord(func(r *kgo.Record) { d.take(ctx, r) })
		d.release(ctx)
		d.cl.AllowRebalance()
		d.commit(ctx)
		for ctx.Err() == nil && d.full() {
			rest(ctx, commitEvery)
			d.commit(ctx)
		}
	}
	return nil
}

func (d *delivery) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.unsettled >= maxUnsettled
}

// take takes one record.
func (d *delivery) take(ctx context.Context, r *kgo.Record) {
	d.mu.Lock()
	p := d.partitions[r.Partition]
	d.mu.Unlock()
	if p == nil {
		p = &partition{open: map[int64]int{}, until: d.endOf(ctx, r.Partition)}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.partitions[r.Partition] = p
	p.next = r.Offset + 1
	if r.Attrs.IsControl() {
		return
	}
	n, err := topic.DecodeNotice(r.Value)
	if err == nil && string(r.Key) != n.Job {
		err = errors.New("the record's key is not its job's name")
	}
	switch {
	case err != nil:
		d.metrics.unreadable.Inc()
		d.o.Log.Warn("unreadable notice", "partition", r.Partition, "offset", r.Offset, "error", err)
	case n.Type == run.NoticeTold:
		p.held = append(p.held, held{n, r.Offset})
		p.open[r.Offset] = 1 // until it is released
		d.unsettled++
	case n.Type == run.NoticeDelivered || n.Type == run.NoticeGivenUp:
		if len(d.settled) >= maxSettled {
			clear(d.settled)
		}
		d.settled[n.ID+" "+n.Target] = true
	}
}

// endOf is where a partition ends now; a record less is what is not known.
func (d *delivery) endOf(ctx context.Context, p int32) int64 {
	ctx, cancel := context.WithTimeout(ctx, pollWait)
	defer cancel()
	ends, err := kadm.NewClient(d.cl).ListCommittedOffsets(ctx, d.o.Names.Notices())
	if err != nil {
		return 0
	}
	end, _ := ends.Lookup(d.o.Names.Notices(), p)
	return end.Offset
}

// release gives the outboxes what was held, of partitions that were read to
// where they ended, or whose notices take up all the room there is.
func (d *delivery) release(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for number, p := range d.partitions {
		if p.next < p.until && d.unsettled < maxUnsettled {
			continue
		}
		for _, h := range p.held {
			d.hand(ctx, number, p, h)
		}
		p.held = nil
	}
}

// hand gives one notice to the outboxes of its targets. The caller holds mu.
func (d *delivery) hand(ctx context.Context, number int32, p *partition, h held) {
	targets := slices.Concat(h.notice.To, h.notice.Resolve)
	for _, name := range targets {
		b := d.outbox[name]
		if d.settled[h.notice.ID+" "+name] || b != nil && !b.target.wants(&h.notice) {
			continue
		}
		p.open[h.offset]++
		settled := func(attempts int, err error) {
			d.writing.Go(func() {
				d.note(ctx, h, topic.Place{Topic: d.o.Names.Notices(), Partition: number, Offset: h.offset}, name, attempts, err)
				d.close(p, h.offset)
			})
		}
		if b == nil {
			settled(0, errNoTarget)
			continue
		}
		b.put(&item{notice: h.notice, came: time.Now(), gone: &p.gone, settled: settled})
	}
	d.closeLocked(p, h.offset)
}

func (d *delivery) close(p *partition, offset int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closeLocked(p, offset)
}

// closeLocked counts one that is settled of a notice.
func (d *delivery) closeLocked(p *partition, offset int64) {
	p.open[offset]--
	if p.open[offset] == 0 {
		delete(p.open, offset)
		if !p.gone.Load() {
			d.unsettled--
		}
	}
}

// note writes what became of a notice at a target, and a dead letter if it was
// given up.
func (d *delivery) note(ctx context.Context, h held, at topic.Place, name string, attempts int, why error) {
	n := run.Notice{
		Type: run.NoticeDelivered, ID: h.notice.ID, Job: h.notice.Job, Cluster: h.notice.Cluster, When: h.notice.When,
		At: time.Now().UTC(), By: d.o.Name, Target: name, Attempts: attempts,
	}
	var records []*kgo.Record
	if why == nil {
		d.metrics.delivered.WithLabelValues(name).Inc()
	} else {
		n.Type, n.Error = run.NoticeGivenUp, why.Error()
		if d.outbox[name] != nil {
			d.metrics.givenUp.WithLabelValues(name).Inc()
		}
		d.o.Log.Error("a notice was given up", "job", n.Job, "when", n.When, "target", name, "attempts", attempts, "error", why)
		records = d.letter(h, at, &n)
	}
	value, err := topic.EncodeNotice(n)
	if err == nil {
		records = append(records, &kgo.Record{Topic: at.Topic, Partition: at.Partition, Key: []byte(n.Job), Value: value})
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
		defer cancel()
		err = d.cl.ProduceSync(ctx, records...).FirstErr()
	}
	if err != nil {
		d.o.Log.Warn("what became of a notice could not be written", "class", kafka.Classify(err), "error", err)
	}
}

// letter is the dead letter of a notice that was given up.
func (d *delivery) letter(h held, at topic.Place, gone *run.Notice) []*kgo.Record {
	value, err := topic.EncodeNotice(h.notice)
	if err != nil {
		return nil
	}
	why := errors.New("notice not delivered to " + gone.Target + ": " + gone.Error)
	value, err = topic.EncodeDeadLetter(topic.Unreadable(gone.At, d.o.Name, why, at, []byte(gone.Job), value))
	if err != nil {
		return nil
	}
	return []*kgo.Record{{Topic: d.o.Names.Dead(), Key: []byte(at.String() + "/" + gone.Target), Value: value}}
}

// commit says how far everything is settled, once in a while.
func (d *delivery) commit(ctx context.Context) {
	d.mu.Lock()
	if time.Since(d.committed) < commitEvery && ctx.Err() == nil {
		d.mu.Unlock()
		return
	}
	d.committed = time.Now()
	offsets := d.offsets(slices.Collect(maps.Keys(d.partitions)))
	d.mu.Unlock()
	d.commitAt(ctx, offsets)
}

// offsets are how far those partitions are settled. The caller holds mu.
func (d *delivery) offsets(of []int32) map[int32]kgo.EpochOffset {
	offsets := map[int32]kgo.EpochOffset{}
	for _, number := range of {
		p := d.partitions[number]
		if p == nil || p.next == 0 {
			continue
		}
		at := p.next
		for offset := range p.open {
			at = min(at, offset)
		}
		offsets[number] = kgo.EpochOffset{Epoch: -1, Offset: at}
	}
	return offsets
}

func (d *delivery) commitAt(ctx context.Context, offsets map[int32]kgo.EpochOffset) {
	if len(offsets) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, pollWait)
	defer cancel()
	d.cl.CommitOffsetsSync(ctx, map[string]map[int32]kgo.EpochOffset{d.o.Names.Notices(): offsets}, nil)
}

// revoked gives partitions up, and what waits of them in outboxes: the next owner
// goes by the log.
func (d *delivery) revoked(ctx context.Context, _ *kgo.Client, gone map[string][]int32) {
	numbers := gone[d.o.Names.Notices()]
	d.mu.Lock()
	offsets := d.offsets(numbers)
	for _, number := range numbers {
		if p := d.partitions[number]; p != nil {
			p.gone.Store(true)
			d.unsettled -= len(p.open)
			delete(d.partitions, number)
		}
	}
	d.mu.Unlock()
	d.commitAt(ctx, offsets)
}
