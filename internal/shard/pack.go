package shard

import (
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/google/uuid"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// The packed form of a JobState of which no run is under way: about a tenth
// of its size. It never leaves the process.

// pack is the opposite of unpack, appended to b. Active and Unknown are not
// packed.
func pack(b []byte, st *JobState) []byte {
	p := packer{b}
	p.int(int64(st.V))
	p.hex(st.Version)
	p.time(st.Through)
	p.bool(st.Paused)
	p.int(st.Fence)
	p.int(st.Step)
	p.int(st.Read)
	p.int(int64(len(st.Deferred)))
	for _, d := range st.Deferred {
		p.id(d.ID)
		p.time(d.Due)
		p.text(string(d.Trigger))
	}
	p.int(int64(len(st.Recent)))
	for _, r := range st.Recent {
		p.id(r.ID)
		p.time(r.Due)
		p.state(r.State)
		p.int(int64(r.Attempts))
		p.time(r.EndedAt)
		p.int(r.Took.Milliseconds())
	}
	p.watch(st.Watch)
	p.int(int64(len(st.Requests)))
	for _, r := range st.Requests {
		p.text(r)
	}
	p.int(int64(len(st.Seen)))
	for _, r := range st.Seen {
		p.text(r.ID)
		p.int(r.At)
	}
	return p.b
}

func unpack(name, packed string) *JobState {
	u := unpacker{b: []byte(packed)}
	st := &JobState{V: int(u.int()), Job: name, Version: u.hex(), Through: u.time(), Paused: u.bool(), Fence: u.int()}
	st.Step, st.Read = u.int(), u.int()
	if n := u.int(); n > 0 {
		st.Deferred = make([]Deferred, n)
		for i := range st.Deferred {
			st.Deferred[i] = Deferred{ID: u.id(), Due: u.time(), Trigger: run.Trigger(u.text())}
		}
	}
	if n := u.int(); n > 0 {
		st.Recent = make([]Summary, n, max(n+1, 4))
		for i := range st.Recent {
			st.Recent[i] = Summary{ID: u.id(), Due: u.time(), State: u.state(), Attempts: int(u.int()), EndedAt: u.time(), Took: time.Duration(u.int()) * time.Millisecond}
		}
	}
	st.Watch = u.watch()
	if n := u.int(); n > 0 {
		st.Requests = make([]string, n)
		for i := range st.Requests {
			st.Requests[i] = u.text()
		}
	}
	if n := u.int(); n > 0 {
		st.Seen = make([]Seen, n)
		for i := range st.Seen {
			st.Seen[i] = Seen{u.text(), u.int()}
		}
	}
	return st
}

// finalStates are the states that take one byte, by that byte less one.
func finalStates() [7]run.State {
	return [...]run.State{
		run.StateSucceeded, run.StateFailed, run.StateTimedOut, run.StateCancelled, run.StateLost, run.StateSkipped, run.StateDead,
	}
}

type packer struct{ b []byte }

func (p *packer) int(i int64) { p.b = binary.AppendVarint(p.b, i) }

func (p *packer) bool(v bool) {
	if v {
		p.b = append(p.b, 1)
	} else {
		p.b = append(p.b, 0)
	}
}

func (p *packer) text(s string) {
	p.int(int64(len(s)))
	p.b = append(p.b, s...)
}

// time keeps the instant, not the zone it was written in. The zero time is
// that of the first year, and takes its place.
func (p *packer) time(t time.Time) {
	p.int(t.Unix())
	p.int(int64(t.Nanosecond()))
}

// hex packs a version: hexadecimal as a rule, in which case its length is
// odd, half of it being the digits'.
func (p *packer) hex(s string) {
	raw, err := hex.DecodeString(s)
	if err != nil || hex.EncodeToString(raw) != s {
		p.int(int64(2 * len(s)))
		p.b = append(p.b, s...)
		return
	}
	p.int(int64(2*len(raw) + 1))
	p.b = append(p.b, raw...)
}

// id packs a run's ID, a UUID unless somebody else wrote it.
func (p *packer) id(id run.ID) {
	u, err := uuid.Parse(string(id))
	if err != nil || u.String() != string(id) {
		p.bool(false)
		p.text(string(id))
		return
	}
	p.bool(true)
	p.b = append(p.b, u[:]...)
}

func (p *packer) state(s run.State) {
	for i, known := range finalStates() {
		if s == known {
			p.b = append(p.b, byte(i)+1)
			return
		}
	}
	p.b = append(p.b, 0)
	p.text(string(s))
}

// unpacker reads what packer wrote, and nothing else.
type unpacker struct{ b []byte }

func (u *unpacker) int() int64 {
	i, n := binary.Varint(u.b)
	u.b = u.b[n:]
	return i
}

func (u *unpacker) byte() byte {
	b := u.b[0]
	u.b = u.b[1:]
	return b
}

func (u *unpacker) bool() bool { return u.byte() == 1 }

func (u *unpacker) take(n int64) []byte {
	b := u.b[:n]
	u.b = u.b[n:]
	return b
}

func (u *unpacker) text() string { return string(u.take(u.int())) }

func (u *unpacker) time() time.Time {
	sec := u.int()
	return time.Unix(sec, u.int()).UTC()
}

func (u *unpacker) hex() string {
	n := u.int()
	if n%2 == 0 {
		return string(u.take(n / 2))
	}
	return hex.EncodeToString(u.take(n / 2))
}

func (u *unpacker) id() run.ID {
	if !u.bool() {
		return run.ID(u.text())
	}
	return run.ID(uuid.UUID(u.take(16)).String())
}

func (u *unpacker) state() run.State {
	if i := u.byte(); i > 0 {
		return finalStates()[i-1]
	}
	return run.State(u.text())
}

func (p *packer) watch(w *Watch) {
	p.bool(w != nil)
	if w == nil {
		return
	}
	p.time(w.Since)
	p.time(w.Success)
	p.time(w.SuccessDue)
	p.int(int64(w.Failures))
	p.int(int64(w.Skips))
	p.time(w.SkipsFrom)
	p.time(w.NotDone)
	p.time(w.NoSuccess)
	p.int(int64(len(w.Open)))
	for _, o := range w.Open {
		p.text(o.ID)
		p.text(string(o.When))
		p.time(o.Since)
		p.int(int64(len(o.To)))
		for _, target := range o.To {
			p.text(target)
		}
	}
	p.int(int64(len(w.Held)))
	for _, h := range w.Held {
		p.int(int64(h.Rule))
		p.text(string(h.When))
		p.time(h.At)
		p.int(int64(h.Count))
	}
}

func (u *unpacker) watch() *Watch {
	if !u.bool() {
		return nil
	}
	w := &Watch{
		Since: u.time(), Success: u.time(), SuccessDue: u.time(), Failures: int(u.int()), Skips: int(u.int()),
		SkipsFrom: u.time(), NotDone: u.time(), NoSuccess: u.time(),
	}
	if n := u.int(); n > 0 {
		w.Open = make([]Incident, n)
		for i := range w.Open {
			o := Incident{ID: u.text(), When: job.When(u.text()), Since: u.time()}
			for range u.int() {
				o.To = append(o.To, u.text())
			}
			w.Open[i] = o
		}
	}
	if n := u.int(); n > 0 {
		w.Held = make([]HeldBack, n)
		for i := range w.Held {
			w.Held[i] = HeldBack{Rule: int(u.int()), When: job.When(u.text()), At: u.time(), Count: int(u.int())}
		}
	}
	return w
}
