package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// The times a worker keeps to. They lean on member's rhythm: a shard places
// a silent worker's claims anew after 10 scheduler beats (5 s).
const (
	// StartAhead is how long before its due time a run takes its slot and
	// sends `starting`: enough for one acknowledged produce on real brokers
	// (1–5 ms at the median, two orders more in the tail).
	StartAhead = 200 * time.Millisecond
	// StartingRetry is the pause before a `starting` that failed is sent
	// again.
	StartingRetry = 250 * time.Millisecond
	// InTouch is how old the sending of the last acknowledged beat may be
	// for a run to be started.
	InTouch = 2500 * time.Millisecond
	// OutOfTouch is when unstarted runs are given back: up to here no shard
	// can have counted the 5 s after which it places them anew.
	OutOfTouch = 4 * time.Second
	// LostContact is when the runs that will be started again elsewhere are
	// killed here; a shard counts 30 s.
	LostContact = 20 * time.Second
	// NoSlotWait is how long a due run waits for a slot before it is given
	// to a worker that has one.
	NoSlotWait = 250 * time.Millisecond
	// MaxHops is how often a run is handed on without more ado; then it waits
	// longer from time to time, up to LongestNoSlotWait, so that it cannot
	// circle where word of free slots is always late, nor stay for ever.
	MaxHops = 5
	// LongestNoSlotWait bounds the wait of a run that was handed on often.
	LongestNoSlotWait = 8 * time.Second
	// DefaultAhead is how many runs of a queue are held ahead of their due
	// times at most.
	DefaultAhead = 1000

	// recheck bounds Wake while runs wait, so that a jump of the wall clock,
	// which no timer follows, is noticed.
	recheck = time.Second
)

// Now is one reading of a host's two clocks. Wall says what time it is and
// may jump; Mono counts from any fixed instant and may not.
type Now struct {
	Wall time.Time
	Mono time.Duration
}

// Config is what a worker has.
type Config struct {
	Cluster string
	// Slots and RetrySlots are how many runs of each queue may be started
	// at a time.
	Slots      int
	RetrySlots int
	// Ahead bounds the runs of each queue that wait for their due times or
	// for a slot; 0 means DefaultAhead.
	Ahead int
}

// State is all that a worker knows. Its methods must be called by one
// goroutine at a time.
type State struct {
	cfg     Config
	runs    queue
	retries queue
	byKey   map[run.Key]*held
	asked   memory

	beaten   bool          // a beat was acknowledged
	lastBeat time.Duration // when the latest acknowledged beat was sent
	draining bool
}

// New returns the state of a worker that holds nothing.
func New(cfg Config) *State {
	if cfg.Ahead == 0 {
		cfg.Ahead = DefaultAhead
	}
	return &State{
		cfg:     cfg,
		runs:    queue{name: run.QueueRuns, slots: cfg.Slots},
		retries: queue{name: run.QueueRetries, slots: cfg.RetrySlots},
		byKey:   map[run.Key]*held{},
		asked:   memory{byRun: map[run.ID]remembered{}},
	}
}

// Step takes one input and returns what to do, in order.
func (s *State) Step(in Input, now Now) []Effect { return s.Steps([]Input{in}, now) }

// Steps takes inputs that came at once, in order: what time allows is looked
// at once for all of them, which takes a look at every run held.
func (s *State) Steps(inputs []Input, now Now) []Effect {
	var out effects
	for _, in := range inputs {
		s.noticeSilence(now, &out)
		s.apply(in, now, &out)
	}
	s.advance(&s.runs, now, &out)
	s.advance(&s.retries, now, &out)
	return out
}

// Done reports whether a draining worker has nothing left to do: every run
// ended and every last word about one acknowledged.
func (s *State) Done() bool { return s.draining && len(s.byKey) == 0 }

func (s *State) apply(in Input, now Now, out *effects) {
	switch in := in.(type) {
	case Claimed:
		if h := s.byKey[first(in.Keys)]; h != nil {
			q := s.queue(h.queue)
			average(&q.claimTook, now.Mono-h.polledAt)
			q.adapt(h.polledAt, now, s.cfg.Ahead)
		}
		for _, k := range in.Keys {
			s.claimed(k, now, out)
		}
	case Unclaimed:
		for _, k := range in.Keys {
			if h := s.byKey[k]; h != nil && h.stage == claiming {
				s.forget(h)
			}
		}
	case StartingAcked:
		if h := s.byKey[in.Key]; h != nil && h.stage == starting {
			h.stage = ready
			average(&s.queue(h.queue).ackTook, now.Mono-h.sentAt)
		}
	case StartingFailed:
		if h := s.byKey[in.Key]; h != nil && h.stage == starting {
			h.retryAt, h.retry = now.Mono+StartingRetry, true
		}
	case Refused:
		if h := s.byKey[in.Key]; h != nil && h.stage == running {
			s.refused(h, out)
		}
	case Exited:
		if h := s.byKey[in.Key]; h != nil && h.stage == running {
			s.exited(h, in.Outcome, now, out)
		}
	case Settled:
		if h := s.byKey[in.Key]; h != nil && h.stage == settling {
			s.forget(h)
		}
	case Controlled:
		s.controlled(in.Control, now, out)
	case BeatAcked:
		if !s.beaten || in.Sent > s.lastBeat {
			s.beaten, s.lastBeat = true, in.Sent
		}
	case Drain:
		s.drain(run.ReasonDraining, out)
	case DrainExpired:
		s.killAll(run.ReasonDraining, out)
	case Replaced:
		s.drain(run.ReasonNameTaken, out)
		s.killAll(run.ReasonNameTaken, out)
	case Tick:
	}
}

// drain takes nothing more, and gives back what was not executed.
func (s *State) drain(reason string, out *effects) {
	s.draining = true
	for _, q := range s.queues() {
		s.giveBackAll(q, reason, out)
	}
}

// killAll ends every run, as lost.
func (s *State) killAll(reason string, out *effects) {
	for _, q := range s.queues() {
		for _, h := range q.order {
			s.kill(h, run.StateLost, reason, out)
		}
	}
}

// first is the first of keys, or the key of no run.
func first(keys []run.Key) run.Key {
	if len(keys) == 0 {
		return run.Key{}
	}
	return keys[0]
}

// claimed makes a run ours, unless it must go back or away at once.
func (s *State) claimed(k run.Key, now Now, out *effects) {
	h := s.byKey[k]
	if h == nil || h.stage != claiming {
		return
	}
	h.stage, h.claimedAt = waiting, now.Mono
	word, known := s.asked.about(k)
	switch {
	case known:
		s.drop(h, word, out)
	case h.stale:
		s.giveBack(h, run.ReasonOutOfTouch, out)
	case s.draining:
		s.giveBack(h, run.ReasonDraining, out)
	}
}

// refused takes back a run that the shell's last check kept from being
// executed, with what was decided while it was on its way.
func (s *State) refused(h *held, out *effects) {
	h.stage = ready
	switch {
	case h.killState == run.StateCancelled:
		s.cancelUnexecuted(h, h.killReason, out)
	case h.killState != "":
		s.giveBack(h, h.killReason, out)
	case h.stale:
		s.giveBack(h, run.ReasonOutOfTouch, out)
	case s.draining:
		s.giveBack(h, run.ReasonDraining, out)
	}
}

func (s *State) exited(h *held, outcome run.Outcome, now Now, out *effects) {
	q := s.queue(h.queue)
	q.exits = append(q.exits, now.Mono)
	if h.killState != "" && outcome.State == run.StateCancelled {
		outcome.State, outcome.Reason = h.killState, h.killReason
	}
	s.settle(h, SendFinished{Run: h.run, Outcome: outcome}, out)
}

func (s *State) queues() [2]*queue { return [2]*queue{&s.runs, &s.retries} }

func (s *State) queue(name run.Queue) *queue {
	if name == run.QueueRetries {
		return &s.retries
	}
	return &s.runs
}
