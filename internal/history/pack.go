package history

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// packVersion is the first byte of every body.
const packVersion = 1

// errPacked says that a body is damaged, or of a later release.
var errPacked = errors.New("the body of a run is damaged")

// words are those that a body holds as a number: their place, counted from 1.
// New ones go to the end.
func words() []string {
	return []string{
		"queued", "claimed", "started", "waiting", "succeeded", "failed", "timed_out", "cancelled", "lost", "skipped", "dead",
		"schedule", "catch_up", "manual", "requeue",
		"enqueued", "recalling", "retrying", "deferred", "withdrawn", "ended", "late_report", "starting", "finished", "returned", "dropped",
		"overlap", "queue_full", "replaced", "paused", "missed", "edited", "deleted", "start_deadline", "no_slot", "draining",
		"out_of_touch", "unconfirmed", "name_taken", "worker_lost", "keeper_lost", "not_held", "oversized", "no_queue", "no_worker",
		"unclaimed", "announced", "not_authorized", "unreadable_state", "attempts_used", "unknown_job", "invalid_job",
	}
}

// packer writes runs as bodies, and reads them. It knows the words by heart.
type packer struct {
	words   []string
	numbers map[string]uint64
}

func newPacker() *packer {
	p := &packer{words: words(), numbers: map[string]uint64{}}
	for i, w := range p.words {
		p.numbers[w] = uint64(i + 1)
	}
	return p
}

// writing appends to a body. Instants are told by their distance from base.
type writing struct {
	*packer
	b    []byte
	base int64 // seconds since 1970
}

func (w *writing) count(n uint64) { w.b = binary.AppendUvarint(w.b, n) }

func (w *writing) number(n int64) { w.b = binary.AppendVarint(w.b, n) }

func (w *writing) text(s string) {
	w.count(uint64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writing) word(s string) {
	if n := w.numbers[s]; n > 0 {
		w.count(n)
		return
	}
	w.count(0)
	w.text(s)
}

// instant is 0 for none, else the nanoseconds plus 1, and the seconds.
func (w *writing) instant(t time.Time) {
	if t.IsZero() {
		w.count(0)
		return
	}
	w.count(uint64(t.Nanosecond()) + 1)
	w.number(t.Unix() - w.base)
}

// pack returns the body of a run: all of it but its ID, its job and its cluster,
// which the row holds, and the tail of what a successful attempt wrote.
func (p *packer) pack(r *ledger.Run) []byte {
	w := &writing{packer: p, b: make([]byte, 0, 256)}
	w.b = append(w.b, packVersion)
	w.instant(r.Due)
	w.base = r.Due.Unix()
	w.word(string(r.Trigger))
	w.word(string(r.State))
	w.word(r.Reason)
	w.instant(r.EnqueuedAt)
	w.instant(r.EndedAt)
	w.instant(r.NotBefore)
	w.number(int64(r.Hops))
	w.number(r.Fence)
	w.count(uint64(len(r.Attempts)))
	for i := range r.Attempts {
		w.attempt(&r.Attempts[i])
	}
	w.count(uint64(len(r.Notes)))
	for i := range r.Notes {
		w.note(&r.Notes[i])
	}
	w.number(int64(r.NotesCut))
	return w.b
}

func (w *writing) attempt(a *ledger.Attempt) {
	w.number(int64(a.Number))
	w.number(a.Fence)
	w.word(string(a.State))
	w.text(a.Worker)
	w.instant(a.EnqueuedAt)
	w.instant(a.NotBefore)
	w.instant(a.ClaimedAt)
	w.instant(a.StartedAt)
	if a.Outcome == nil {
		w.count(0)
		return
	}
	w.count(1)
	w.outcome(a.Outcome)
}

func (w *writing) outcome(o *run.Outcome) {
	w.word(string(o.State))
	w.number(int64(o.ExitCode))
	w.text(o.Signal)
	w.text(o.StartFailure)
	w.word(o.Reason)
	w.instant(o.StartedAt)
	w.instant(o.EndedAt)
	w.number(int64(o.CPUTime))
	w.number(o.PeakMemoryBytes)
	w.number(o.OutputBytes)
	w.number(o.OutputCutBytes)
	if o.State == run.StateSucceeded {
		w.text("")
	} else {
		w.text(o.Tail)
	}
}

func (w *writing) note(n *ledger.Note) {
	w.instant(n.At)
	w.word(string(n.Type))
	w.number(int64(n.Attempt))
	w.text(n.By)
	w.word(n.Reason)
}

// reading reads a body. After the first fault it returns zeros.
type reading struct {
	*packer
	b    []byte
	base int64
	bad  bool
}

func (r *reading) fail() { r.bad, r.b = true, nil }

func (r *reading) count() uint64 {
	n, size := binary.Uvarint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

func (r *reading) number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[size:]
	return n
}

// length is a count of what takes at least one byte each.
func (r *reading) length() int {
	n := r.count()
	if n > uint64(len(r.b)) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reading) text() string {
	n := r.length()
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

func (r *reading) word() string {
	n := r.count()
	switch {
	case n == 0:
		return r.text()
	case n > uint64(len(r.words)):
		r.fail()
		return ""
	}
	return r.words[n-1]
}

func (r *reading) instant() time.Time {
	n := r.count()
	if n == 0 || n > 1e9 {
		return time.Time{}
	}
	return time.Unix(r.base+r.number(), int64(n-1)).UTC()
}

// unpack reads the body of a run into r, which has its ID, job and cluster.
func (p *packer) unpack(body []byte, r *ledger.Run) error {
	if len(body) == 0 || body[0] != packVersion {
		return errPacked
	}
	d := &reading{packer: p, b: body[1:]}
	r.Due = d.instant()
	d.base = r.Due.Unix()
	r.Trigger = run.Trigger(d.word())
	r.State = run.State(d.word())
	r.Reason = d.word()
	r.EnqueuedAt, r.EndedAt, r.NotBefore = d.instant(), d.instant(), d.instant()
	r.Hops = int(d.number())
	r.Fence = d.number()
	r.Attempts = nil
	for range d.length() {
		r.Attempts = append(r.Attempts, d.attempt())
	}
	r.Notes = nil
	for range d.length() {
		r.Notes = append(r.Notes, d.note())
	}
	r.NotesCut = int(d.number())
	if d.bad {
		return errPacked
	}
	return nil
}

func (r *reading) attempt() ledger.Attempt {
	a := ledger.Attempt{
		Number: int(r.number()), Fence: r.number(), State: run.State(r.word()), Worker: r.text(),
		EnqueuedAt: r.instant(), NotBefore: r.instant(), ClaimedAt: r.instant(), StartedAt: r.instant(),
	}
	if r.count() == 1 {
		a.Outcome = r.outcome()
	}
	return a
}

func (r *reading) outcome() *run.Outcome {
	return &run.Outcome{
		State: run.State(r.word()), ExitCode: int(r.number()), Signal: r.text(), StartFailure: r.text(), Reason: r.word(),
		StartedAt: r.instant(), EndedAt: r.instant(), CPUTime: time.Duration(r.number()), PeakMemoryBytes: r.number(),
		OutputBytes: r.number(), OutputCutBytes: r.number(), Tail: r.text(),
	}
}

func (r *reading) note() ledger.Note {
	return ledger.Note{
		At: r.instant(), Type: run.EventType(r.word()), Attempt: int(r.number()), By: r.text(), Reason: r.word(),
	}
}
