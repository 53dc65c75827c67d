package sim

import (
	"slices"
	"sort"
	"time"
)

// record is one record of a partition: a value, or the marker that ends a
// transaction there.
type record struct {
	offset int64
	key    string
	value  any // nil is a tombstone
	txn    *transaction
	marker bool
}

// partition is one partition's log.
type partition struct {
	w     *world
	topic string
	id    int32
	// replicas are the brokers that hold it.
	replicas []int
	recs     []record
	end      int64 // the next offset
	high     int64 // the high watermark: what is replicated, and so can be read
	shown    time.Duration
	// open are the transactions with records here but no marker yet, by
	// their first offset.
	open    []openAt
	readers []*reader
}

type openAt struct {
	txn   *transaction
	first int64
}

// append writes records; done is called once they are replicated, which is
// when they may be read, and acknowledged.
func (p *partition) append(txn *transaction, marker bool, done func(), recs ...record) {
	if txn != nil && !marker && !slices.ContainsFunc(p.open, func(o openAt) bool { return o.txn == txn }) {
		p.open = append(p.open, openAt{txn, p.end})
	}
	for _, r := range recs {
		r.offset, r.txn, r.marker = p.end, txn, marker
		p.end++
		p.recs = append(p.recs, r)
	}
	end := p.end
	p.shown = max(p.w.now+p.w.replication(), p.shown)
	p.show(func() {
		p.high = max(p.high, end)
		if marker {
			p.open = slices.DeleteFunc(p.open, func(o openAt) bool { return o.txn == txn })
		}
		for _, r := range p.readers {
			r.notify()
		}
		done()
	})
}

// show does something once all replicas in sync have what was appended.
func (p *partition) show(do func()) {
	p.w.at(p.shown, func() {
		if p.stalled() {
			p.shown = max(p.shown, p.w.now+retryEvery)
			p.show(do)
			return
		}
		do()
	})
}

// stable is up to where a read-committed reader may read: before the first
// transaction that is still open here.
func (p *partition) stable() int64 {
	at := p.high
	for _, o := range p.open {
		at = min(at, o.first)
	}
	return at
}

// limit is up to where a reader may read.
func (p *partition) limit(committed bool) int64 {
	if committed {
		return p.stable()
	}
	return p.high
}

// between calls each with the records a reader sees from offset from up to
// until.
func (p *partition) between(from, until int64, committed bool, each func(*record)) {
	i := sort.Search(len(p.recs), func(i int) bool { return p.recs[i].offset >= from })
	for ; i < len(p.recs) && p.recs[i].offset < until; i++ {
		r := &p.recs[i]
		if r.marker || committed && r.txn != nil && r.txn.state != txnCommitted {
			continue
		}
		each(r)
	}
}

// compact keeps of what everybody may read only the latest record of each
// key, and of tombstones those that somebody who follows has yet to read (a
// real broker keeps them for a day); drop forgets all but the last few.
func (p *partition) compact() {
	stable := p.stable()
	read := stable
	for _, r := range p.readers {
		read = min(read, r.next)
	}
	latest := map[string]int64{}
	p.between(0, stable, true, func(r *record) { latest[r.key] = r.offset })
	kept := p.recs[:0]
	for _, r := range p.recs {
		grave := r.value == nil && r.offset < read
		if r.offset >= stable || latest[r.key] == r.offset && !r.marker && !grave {
			kept = append(kept, r)
		}
	}
	clear(p.recs[len(kept):])
	p.recs = kept
}

func (p *partition) drop(keep int) {
	if over := len(p.recs) - keep; over > 0 {
		p.recs = slices.Clone(p.recs[over:])
	}
}

// reader follows a partition for a node.
type reader struct {
	p         *partition
	n         *node
	next      int64
	committed bool
	closed    bool
	asked     bool
	// deliver is given what was read and the offset behind it.
	deliver func(recs []record, next int64)
}

func (p *partition) follow(r *reader) *reader {
	r.p = p
	p.readers = append(p.readers, r)
	r.notify()
	return r
}

func (r *reader) close() {
	r.closed = true
	r.p.readers = slices.DeleteFunc(r.p.readers, func(o *reader) bool { return o == r })
}

// notify has the reader fetch soon, if there is something to be read.
func (r *reader) notify() {
	if r.asked || r.closed || r.p.limit(r.committed) <= r.next {
		return
	}
	r.asked = true
	// A fetch waits at the broker; its answer takes the way back.
	r.n.answer(func() {
		r.asked = false
		if !r.closed {
			r.fetch()
		}
	})
}

func (r *reader) fetch() {
	if !r.n.reaches(r.p) {
		r.asked = true
		r.n.after(retryEvery, func() {
			r.asked = false
			if !r.closed {
				r.fetch()
			}
		})
		return
	}
	until := r.p.limit(r.committed)
	var recs []record
	r.p.between(r.next, until, r.committed, func(x *record) { recs = append(recs, *x) })
	r.next = max(r.next, until)
	r.deliver(recs, r.next)
	r.notify()
}
