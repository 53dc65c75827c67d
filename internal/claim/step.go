package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Now is one reading of a host's two clocks. Wall says what time it is and
// may jump; Mono counts from any fixed instant and may not.
type Now struct {
	Wall time.Time
	Mono time.Duration
}

// Config is what a worker has.
type Config struct {
	Name    string
	Cluster string
	// Slots and RetrySlots are how many runs of each queue may be started
	// at a time.
	Slots      int
	RetrySlots int
	// Ahead bounds the runs of each queue that wait for their due times or
	// for a slot, AheadBytes the length of their records; 0 means DefaultAhead
	// and DefaultAheadBytes.
	Ahead, AheadBytes int
}

// State is all that a worker knows. Its methods must be called by one
// goroutine at a time.
type State struct {
	cfg     Config
	runs    queue
	retries queue
	// byRun holds all runs; one that is held under several fences leads to the
	// others. given is the number of the latest claim, n how many runs there are.
	byRun map[run.ID]*held
	given int64
	n     int
	asked memory

	// beat is when the latest acknowledged beat was sent, control when the end
	// of the control topic was looked up that it was last read to.
	beat, control mark
	draining      bool
}

// New returns the state of a worker that holds nothing.
func New(cfg Config) *State {
	if cfg.Ahead == 0 {
		cfg.Ahead = DefaultAhead
	}
	if cfg.AheadBytes == 0 {
		cfg.AheadBytes = DefaultAheadBytes
	}
	return &State{
		cfg:     cfg,
		runs:    queue{name: run.QueueRuns, slots: cfg.Slots},
		retries: queue{name: run.QueueRetries, slots: cfg.RetrySlots},
		byRun:   map[run.ID]*held{},
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
func (s *State) Done() bool { return s.draining && s.n == 0 }

func (s *State) apply(in Input, now Now, out *effects) {
	switch in := in.(type) {
	case Claimed:
		s.committed(in, now, out)
	case Unclaimed:
		s.uncommitted(in, now)
	case StartingAcked:
		if h := s.find(in.Key); h != nil && h.stage == starting {
			h.stage = ready
			q := s.queue(h.queue)
			average(&q.ackTook, now.Mono-h.sentAt)
			q.acks.add(now.Mono - h.sentAt)
		}
	case StartingFailed:
		if h := s.find(in.Key); h != nil && h.stage == starting {
			h.retryAt, h.retry = now.Mono+StartingRetry, true
			s.queue(h.queue).acks.add(StartAhead)
		}
	case Refused:
		if h := s.find(in.Key); h != nil && h.stage == running {
			s.refused(h, out)
		}
	case Exited:
		if h := s.find(in.Key); h != nil && h.stage == running {
			s.exited(h, in.Outcome, now, out)
		}
	case Settled:
		if h := s.find(in.Key); h != nil && h.stage == settling {
			s.forget(h)
		}
	case Controlled:
		s.controlled(in.Control, now, out)
	case BeatAcked:
		s.beat.note(in.Sent)
	case ControlRead:
		s.control.note(in.Asked)
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
		for _, h := range q.near {
			s.kill(h, run.StateLost, reason, out)
		}
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
