package sim

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// Mutant is one planted fault. It stands between the cores and the shells:
// what goes in or comes out is changed as if the core, or its shell, had that
// fault. The zero Mutant has none.
type Mutant struct {
	Name, What string

	// Faults of the shells.
	NoFencing, ReadUncommitted, IgnoreBarrier bool
	StartUnacked, NoLastLook, NoTimeout       bool
	ClaimWithoutOffsets, ClaimUncommitted     bool
	AbortedIsOurs, BeatUnacked, HideHeld      bool
	OffsetsAhead, ForgetState                 bool
	CountBeatsTimes                           int
	IgnoreHolder                              bool
	ControlUnread, OldIsNew                   bool
	WithdrawAtOnce, NoReplay, NoCheckpoint    bool
	ForgetRow, OtherLife, ReuseNumbers        bool

	// Faults of the cores.
	ForgetThrough, SkipToNow, ForgetFence, ForgetRequests, ForgetActive bool
	DropRecall, DropDead, DropSkips, LieSuccess                         bool
	TakeReturnedTwice, IgnoreFence, IgnoreOverlap, MoreRetries          bool
	NoBackoff, NoDeadline, StartEarly, LoseDue, DoubleEnqueue           bool

	w *world
	// lives are the latest claims of each worker's life and of the one before.
	lives map[string]*[2]lifeClaims
}

// lifeClaims is what a life of a worker said last of its claims.
type lifeClaims struct {
	life   int64
	claims run.Claims
}

// Mutants are the planted faults that the simulator must find.
func Mutants() []Mutant {
	return []Mutant{
		{Name: "no-fencing", What: "a new owner does not fence the last one", NoFencing: true},
		{Name: "read-uncommitted", What: "shards act on reports of aborted claims", ReadUncommitted: true},
		{Name: "ignore-barrier", What: "surveys are believed before all events were read", IgnoreBarrier: true},
		{Name: "start-unacked", What: "a command starts before its starting event is acknowledged", StartUnacked: true},
		{Name: "no-last-look", What: "the beats are not looked at once more before a start", NoLastLook: true},
		{Name: "no-timeout", What: "timeouts are not kept", NoTimeout: true},
		{Name: "claim-without-offsets", What: "the offsets are not part of the claim", ClaimWithoutOffsets: true},
		{Name: "claim-uncommitted", What: "workers claim runs of aborted decisions", ClaimUncommitted: true},
		{Name: "aborted-is-ours", What: "a claim that was not committed counts as ours", AbortedIsOurs: true},
		{Name: "beat-unacked", What: "a worker counts its beats though nobody acknowledges them", BeatUnacked: true},
		{Name: "hide-held", What: "beats do not list the runs held", HideHeld: true},
		{Name: "forget-row", What: "a worker's beats leave out the last row of what it holds", ForgetRow: true},
		{Name: "other-life", What: "a shard reads the rows of a worker's earlier life", OtherLife: true},
		{Name: "reuse-numbers", What: "the number of a claim comes back after eight others", ReuseNumbers: true},
		{Name: "offsets-ahead", What: "events count as read before they were acted on", OffsetsAhead: true},
		{Name: "forget-state", What: "now and then the state is not in the decision's transaction", ForgetState: true},
		{Name: "count-beats-five-times", What: "each beat of a scheduler counts five times", CountBeatsTimes: 4},
		{Name: "ignore-holder", What: "a claim does not say after which beat it was made", IgnoreHolder: true},
		{Name: "control-unread", What: "a worker counts control as read up to now though it is not", ControlUnread: true},
		{Name: "old-is-new", What: "old runs start without their shard's word", OldIsNew: true},
		{Name: "withdraw-at-once", What: "a run is withdrawn while a worker may still start it", WithdrawAtOnce: true},
		{Name: "no-replay", What: "a new owner goes by the written states alone", NoReplay: true},
		{Name: "no-checkpoint", What: "a checkpoint says it wrote the states, and does not", NoCheckpoint: true},
		{Name: "forget-through", What: "a take-over decides the last two minutes anew", ForgetThrough: true},
		{Name: "skip-to-now", What: "a take-over begins at the clock, not where the last owner stopped", SkipToNow: true},
		{Name: "forget-fence", What: "fences begin anew at take-over", ForgetFence: true},
		{Name: "forget-requests", What: "a request sent twice counts twice", ForgetRequests: true},
		{Name: "forget-active", What: "a take-over forgets the unfinished runs", ForgetActive: true},
		{Name: "drop-recall", What: "recalls are not sent", DropRecall: true},
		{Name: "drop-dead", What: "dead letters are not written", DropDead: true},
		{Name: "drop-skips", What: "skipped due times are not in the ledger", DropSkips: true},
		{Name: "lie-success", What: "the ledger calls a run that was given up succeeded", LieSuccess: true},
		{Name: "returned-twice", What: "a returned event that comes twice counts twice", TakeReturnedTwice: true},
		{Name: "ignore-fence", What: "reports count whatever their fence", IgnoreFence: true},
		{Name: "ignore-overlap", What: "the overlap policy is not kept", IgnoreOverlap: true},
		{Name: "more-retries", What: "one attempt more than the job grants", MoreRetries: true},
		{Name: "no-backoff", What: "retries do not wait", NoBackoff: true},
		{Name: "no-deadline", What: "start deadlines are not kept", NoDeadline: true},
		{Name: "start-early", What: "runs start two seconds before their time", StartEarly: true},
		{Name: "lose-due", What: "one decision in two hundred is lost", LoseDue: true},
		{Name: "double-enqueue", What: "one run in two hundred is enqueued twice", DoubleEnqueue: true},
	}
}

// beat is what a reader of the log of beats counts.
func (m *Mutant) beat(b member.Beat) []member.Beat {
	if m.CountBeatsTimes == 0 || b.Role != member.RoleScheduler || b.Leaving {
		return []member.Beat{b}
	}
	var all []member.Beat
	for i := range m.CountBeatsTimes + 1 {
		again := b
		again.Seq = b.Seq*100 + int64(i)
		again.At = b.At.Add(time.Duration(int(b.Seq)*m.CountBeatsTimes+i) * member.SchedulerEvery)
		all = append(all, again)
	}
	return all
}

// beats are what the core is told of the workers.
func (m *Mutant) beats(members []member.Member) []member.Member {
	if !m.OtherLife {
		return members
	}
	members = slices.Clone(members)
	for i := range members {
		b := &members[i].Beat
		if m.lives == nil {
			m.lives = map[string]*[2]lifeClaims{}
		}
		known := m.lives[b.ID]
		if known == nil {
			known = &[2]lifeClaims{}
			m.lives[b.ID] = known
		}
		if b.Incarnation > known[1].life {
			known[0] = known[1]
		}
		if b.Incarnation >= known[1].life {
			known[1] = lifeClaims{b.Incarnation, b.Claims}
		}
		if known[0].life > 0 {
			b.Claims = known[0].claims
		}
	}
	return members
}

// claims are what a worker says of its claims.
func (m *Mutant) claims(c run.Claims) run.Claims {
	if m.HideHeld {
		c.Held = nil
	}
	if n := len(c.Held); m.ForgetRow && n > 0 {
		c.Held = c.Held[:n-1]
	}
	if m.ReuseNumbers {
		c.Held, c.Started, c.Last = m.again(c.Held), m.again(c.Started), m.number(c.Last)
	}
	return c
}

// number is the number that a claim is given.
func (m *Mutant) number(n int64) int64 {
	if m.ReuseNumbers && n > 0 {
		return (n-1)%9 + 1
	}
	return n
}

func (m *Mutant) again(rows []run.Row) []run.Row {
	var numbers []int64
	for _, r := range rows {
		for n := r[0]; n <= r[1]; n++ {
			numbers = append(numbers, m.number(n))
		}
	}
	return run.Rows(numbers)
}

// state is what a new owner reads of a job's state.
func (m *Mutant) state(st shard.JobState, now time.Time) shard.JobState {
	if m.ForgetThrough {
		st.Through = st.Through.Add(-2 * time.Minute)
		st.Recent = nil
	}
	if m.SkipToNow && st.Through.Before(now) {
		st.Through = now
	}
	if m.ForgetFence {
		st.Fence = 0
	}
	if m.ForgetActive {
		st.Active = nil
	}
	return st
}

// job is the definition that the core is given.
func (m *Mutant) job(j job.Job) job.Job {
	if m.IgnoreOverlap {
		j.Overlap = job.OverlapAllow
	}
	if m.MoreRetries {
		j.Retries++
	}
	if m.NoBackoff {
		j.RetryBackoff = job.Backoff{Initial: time.Millisecond, Factor: 1, Max: time.Millisecond}
	}
	if m.NoDeadline {
		j.StartDeadline = 0
	}
	return j
}

// inputs are what the core is told.
func (m *Mutant) inputs(t *tenure, inputs []shard.Input) []shard.Input {
	if !m.IgnoreFence && !m.TakeReturnedTwice && !m.IgnoreHolder && !m.ForgetRequests {
		return inputs
	}
	inputs = slices.Clone(inputs)
	for i, in := range inputs {
		switch in := in.(type) {
		case shard.Reported:
			latest, ok := t.fences[in.Event.Run]
			if ok && (m.IgnoreFence || m.TakeReturnedTwice && in.Event.Type == run.EventReturned) {
				in.Event.Fence = latest
			}
			if m.IgnoreHolder {
				in.Event.Beat = -10
			}
			inputs[i] = in
		case shard.Requested:
			if m.ForgetRequests {
				m.w.serials++
				in.Request.ID += "." + string(rune('a'+m.w.serials%26))
				inputs[i] = in
			}
		}
	}
	return inputs
}

// asked is when a survey was asked for, as the core is told.
func (m *Mutant) asked(at time.Duration) time.Duration {
	if m.WithdrawAtOnce {
		return at + time.Minute
	}
	return at
}

// effects are what the shell is asked to do.
func (m *Mutant) effects(t *tenure, f *shard.Effects) {
	if m.IgnoreFence || m.TakeReturnedTwice {
		for _, q := range f.Enqueue {
			if t.fences == nil {
				t.fences = map[run.ID]int64{}
			}
			t.fences[q.Run.ID] = q.Run.Fence
		}
	}
	if m.DropRecall {
		f.Control = slices.DeleteFunc(f.Control, func(c run.Control) bool { return c.Type == run.ControlRecall })
	}
	if m.DropDead {
		f.Dead = nil
	}
	if m.DropSkips {
		f.Events = slices.DeleteFunc(f.Events, func(e run.Event) bool { return e.Type == run.EventSkipped })
	}
	if m.LieSuccess {
		for i := range f.Events {
			if e := &f.Events[i]; e.Type == run.EventEnded && e.State == run.StateDead {
				e.State = run.StateSucceeded
			}
		}
	}
	if m.NoCheckpoint && f.Checkpoint {
		f.States = nil
	}
	if m.ForgetState && m.w.chance(0.05) {
		f.States = nil
	}
	if m.LoseDue && len(f.Enqueue) > 0 && m.w.chance(0.005) {
		id := f.Enqueue[0].Run.ID
		f.Enqueue = f.Enqueue[1:]
		f.Events = slices.DeleteFunc(f.Events, func(e run.Event) bool { return e.Run == id })
	}
	if m.DoubleEnqueue && len(f.Enqueue) > 0 && m.w.chance(0.005) {
		f.Enqueue = append(f.Enqueue, f.Enqueue[0])
	}
}

// replayed is where a new owner goes on in events.
func (m *Mutant) replayed(t *tenure, read int64) int64 {
	if m.OffsetsAhead {
		return m.w.partition("events", t.shard).stable()
	}
	return read
}

// polled is a run as a worker understands it.
func (m *Mutant) polled(p claim.Polled, now time.Time) claim.Polled {
	if m.StartEarly {
		p.Run.NotBefore = p.Run.NotBefore.Add(-2 * time.Second)
	}
	if m.OldIsNew {
		p.Doubted, p.Run.StagedAt = false, now
	}
	return p
}

// claimInput is what a worker's core is told.
func (m *Mutant) claimInput(in claim.Input) []claim.Input {
	if lost, ok := in.(claim.Unclaimed); ok && m.AbortedIsOurs {
		return []claim.Input{claim.Claimed(lost)}
	}
	return []claim.Input{in}
}
