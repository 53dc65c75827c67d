package exec

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/belfry-cron/belfry/internal/run"
)

// tailTextBytes is the most that an outcome's Tail may hold.
const tailTextBytes = 4 << 10

// Limits say how much of a run's output is kept and in what pieces. Zero
// stands for the default.
type Limits struct {
	// HeadBytes is how much is kept from the beginning, of both streams
	// together; the default is 1 MiB.
	HeadBytes int

	// TailBytes is how much is kept from the end, of each stream, of what
	// came after the head; the default is 64 KiB. Each stream has its own,
	// so that a flood on one does not wash away the last words of the other.
	TailBytes int

	// ChunkBytes is the most that one chunk holds; the default is 64 KiB.
	ChunkBytes int

	// FlushEvery is the longest that output waits for its chunk to be
	// filled; the default is 200 ms.
	FlushEvery time.Duration
}

func (l Limits) withDefaults() Limits {
	orDefault := func(n *int, d int) {
		if *n <= 0 {
			*n = d
		}
	}
	orDefault(&l.HeadBytes, 1<<20)
	orDefault(&l.TailBytes, 64<<10)
	orDefault(&l.ChunkBytes, 64<<10)
	if l.FlushEvery <= 0 {
		l.FlushEvery = 200 * time.Millisecond
	}
	return l
}

// Bounded cuts a run's output into chunks: the head as it comes, and when
// the run is over the tail, with a chunk between that says how many bytes
// were left out. It has no clock and no lock; Stream adds both.
//
// Order is kept within a stream. Between the two it is only as good as the
// chunks are small, else a line here and a line there would be a chunk each.
type Bounded struct {
	limits Limits
	sink   func(run.Output)

	seq     int
	written int64
	head    int // what of limits.HeadBytes is taken
	pending [2]pending
	tail    [2]ring
	last    ring
}

// pending is what waits to become a chunk of one stream.
type pending struct {
	data  []byte
	since time.Time
}

// NewBounded returns a Bounded that hands its chunks to sink, numbered from
// 0. The sink owns each chunk's Data, and is to fill in what a chunk does
// not know: version, run, attempt and fence.
func NewBounded(limits Limits, sink func(run.Output)) *Bounded {
	l := limits.withDefaults()
	return &Bounded{
		limits: l,
		sink:   sink,
		tail:   [2]ring{{limit: l.TailBytes}, {limit: l.TailBytes}},
		last:   ring{limit: tailTextBytes},
	}
}

// Write takes what the command wrote to a stream. It keeps no hold of p.
func (b *Bounded) Write(stream string, p []byte, now time.Time) {
	i := indexOf(stream)
	b.written += int64(len(p))
	b.last.write(p)
	kept := min(len(p), b.limits.HeadBytes-b.head)
	b.head += kept
	b.tail[i].write(p[kept:])
	for p = p[:kept]; len(p) > 0; {
		w := &b.pending[i]
		if len(w.data) == 0 {
			w.since = now
		}
		n := min(len(p), b.limits.ChunkBytes-len(w.data))
		w.data = append(w.data, p[:n]...)
		p = p[n:]
		if len(w.data) == b.limits.ChunkBytes {
			b.emit(b.take(i))
		}
	}
}

// Waiting reports whether there is something for Flush to do.
func (b *Bounded) Waiting() bool {
	return len(b.pending[0].data) > 0 || len(b.pending[1].data) > 0
}

// Flush makes chunks of all that waits, the older first.
func (b *Bounded) Flush() {
	for _, o := range b.takeAll() {
		b.emit(o)
	}
}

// Finish hands on what is left, the last chunk marked as such, and fills in
// the figures of the output and its tail. Of a command that wrote nothing
// there is no chunk. Nothing may be written after it.
func (b *Bounded) Finish(o *run.Outcome, now time.Time) {
	rest := b.takeAll()
	cut := b.tail[0].lost + b.tail[1].lost
	if cut > 0 {
		rest = append(rest, run.Output{At: now, CutBytes: cut})
	}
	for i := range b.tail {
		for chunk := range slices.Chunk(b.tail[i].bytes(), b.limits.ChunkBytes) {
			rest = append(rest, run.Output{At: now, Stream: nameOf(i), Data: chunk})
		}
	}
	if len(rest) == 0 && b.seq > 0 {
		rest = append(rest, run.Output{At: now})
	}
	for i, chunk := range rest {
		chunk.Last = i == len(rest)-1
		b.emit(chunk)
	}
	o.OutputBytes = b.written
	o.OutputCutBytes = cut
	o.Tail = tailText(b.last.bytes(), b.last.lost > 0)
}

// emit numbers a chunk and hands it on.
func (b *Bounded) emit(o run.Output) {
	o.Seq = b.seq
	b.seq++
	b.sink(o)
}

// take makes a chunk of what waits in stream i.
func (b *Bounded) take(i int) run.Output {
	w := b.pending[i]
	b.pending[i] = pending{}
	return run.Output{At: w.since, Stream: nameOf(i), Data: w.data}
}

func (b *Bounded) takeAll() []run.Output {
	order := []int{0, 1}
	if b.pending[1].since.Before(b.pending[0].since) {
		order = []int{1, 0}
	}
	var chunks []run.Output
	for _, i := range order {
		if len(b.pending[i].data) > 0 {
			chunks = append(chunks, b.take(i))
		}
	}
	return chunks
}

func indexOf(stream string) int {
	if stream == Stderr {
		return 1
	}
	return 0
}

func nameOf(i int) string {
	if i == 1 {
		return Stderr
	}
	return Stdout
}

// tailText makes text of the last bytes that a command wrote: valid UTF-8, at
// most tailTextBytes of it. If something before them was cut off, so is the
// character that the cut went through.
func tailText(data []byte, cut bool) string {
	for n := 0; cut && n < utf8.UTFMax-1 && len(data) > 0 && !utf8.RuneStart(data[0]); n++ {
		data = data[1:]
	}
	text := strings.ToValidUTF8(string(data), string(utf8.RuneError))
	if len(text) <= tailTextBytes {
		return text
	}
	from := len(text) - tailTextBytes
	for !utf8.RuneStart(text[from]) {
		from++
	}
	return text[from:]
}

// ring keeps the last limit bytes written to it.
type ring struct {
	limit int
	data  []byte
	// next is where the next byte goes once data is full.
	next int
	// lost counts the bytes written over.
	lost int64
}

func (r *ring) write(p []byte) {
	if over := len(p) - r.limit; over > 0 {
		r.lost += int64(over)
		p = p[over:]
	}
	n := min(len(p), r.limit-len(r.data))
	r.data = append(r.data, p[:n]...)
	p = p[n:]
	r.lost += int64(len(p))
	for len(p) > 0 {
		n := copy(r.data[r.next:], p)
		p = p[n:]
		r.next = (r.next + n) % r.limit
	}
}

// bytes returns a copy of what is kept, in order.
func (r *ring) bytes() []byte {
	return slices.Concat(r.data[r.next:], r.data[:r.next])
}
