package shard

import (
	"cmp"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// Config is what a shard needs to know of its surroundings.
type Config struct {
	// Shard is the partition whose jobs these are, By the scheduler's ID.
	Shard int32
	By    string
	// Lead is how far ahead of their due time runs are staged.
	Lead time.Duration
}

// maxEffects is about how many records one Step decides; what is left waits
// for the next, so that no transaction grows without bound.
const maxEffects = 3000

// Shard is the state of one shard. It is not safe for concurrent use.
type Shard struct {
	cfg  Config
	jobs map[string]*entry
	// compiler and rules hold once what many jobs have in common.
	compiler *job.Compiler
	rules    map[ruleKey]*job.Job
	wakes    wakeHeap
	workers  map[string]*worker
	// surveyed says that the beats were heard of at all.
	surveyed bool
	// aside are the jobs set aside whose state is known, closed is why nothing
	// is put on the queues of a cluster.
	aside  map[string]*entry
	closed map[string]string
	withdrawals
	// unseen counts how often in a row the beats knew less of a run's holder
	// than the run's claim.
	unseen map[run.Key]int
	// heard is the latest beat, by its sender's clock, of the life that holds
	// a started run.
	heard map[run.Key]time.Time
	// busy are the jobs with unfinished runs, by name, with how many runs of
	// each are counted in unfinished.
	busy map[string]busyJob
	// backfilling are the jobs with backfills, by name.
	backfilling map[string]*entry
	unfinished  int
	byQueue     map[queueKey][]placeable
	// touched are the jobs whose state this Step writes, opened those whose
	// state it unpacked.
	touched, opened []*entry
	packing         []byte // where states are packed
	out             Effects
	// step numbers the decisions, read is the offset in events up to which
	// reports were taken, point how far the written states are behind.
	step, read int64
	point      checkpoint
	// unplayed are the reports replayed at take-over that the last owner had
	// yet to take when it wrote the event before.
	unplayed []run.Logged
	// stateless are the versions of definitions replayed for jobs whose state
	// says nothing of one, by job, until all were read.
	stateless map[string]string
	// loaded says that all definitions were read, so that a change is news.
	loaded bool
}

// busyJob is a job with unfinished runs, and how many are counted.
type busyJob struct {
	*entry
	runs int
}

// New returns a shard that holds the given states, as read from the state
// topic. Definitions follow as JobChanged inputs, ended by JobsLoaded.
func New(cfg Config, states []JobState) *Shard {
	s := &Shard{
		cfg: cfg, jobs: make(map[string]*entry, len(states)),
		compiler: job.NewCompiler(), rules: map[ruleKey]*job.Job{}, stateless: map[string]string{},
		workers: map[string]*worker{}, busy: map[string]busyJob{}, backfilling: map[string]*entry{}, withdrawals: newWithdrawals(),
		aside: map[string]*entry{}, closed: map[string]string{},
	}
	for _, st := range states {
		s.Restore(st)
	}
	return s
}

// Restore takes a job's state as read from the state topic, in place of one
// read before. States come before any Step.
func (s *Shard) Restore(st JobState) {
	s.Discard(st.Job)
	slices.SortFunc(st.Active, func(a, b Active) int { return cmp.Compare(a.ID, b.ID) }) // version 1 did not
	s.step, s.read = max(s.step, st.Step), max(s.read, st.Read)
	s.noteBusy(s.add(st))
	s.closeOpened()
}

// Discard forgets a state read before: its record was deleted.
func (s *Shard) Discard(name string) {
	s.unfinished -= s.busy[name].runs
	delete(s.jobs, name)
	delete(s.busy, name)
	delete(s.backfilling, name)
	delete(s.recalled, name)
	delete(s.waiting, name)
}

// States calls each with the state of every job, in no order; the runs of one
// come by their due times.
func (s *Shard) States(each func(JobState)) {
	for _, e := range s.jobs {
		s.open(e)
		st := snapshot(*e.st)
		st.Aside = e.aside
		slices.SortFunc(st.Active, func(a, b Active) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.ID, b.ID)) })
		each(st)
		s.closeOpened()
	}
}

// Step takes the inputs in order, decides what is due at now, and returns
// what to commit. If the commit fails or its outcome is unknown, the Shard
// must be thrown away and built anew from the log.
func (s *Shard) Step(inputs []Input, now time.Time) Effects {
	s.out = Effects{}
	s.step++
	for _, in := range inputs {
		s.take(in, now)
	}
	s.decideDue(now)
	s.writeStates(now)
	s.writeCheckpoint(now)
	s.closeOpened()
	return s.out
}

// Wake returns when the shard next has something to decide without input.
func (s *Shard) Wake() (time.Time, bool) {
	wake := s.point.dueAt()
	if len(s.wakes) > 0 {
		if next := s.wakes[0].wake.time(); wake.IsZero() || next.Before(wake) {
			wake = next
		}
	}
	return wake, !wake.IsZero()
}

// Jobs counts the jobs the shard holds.
func (s *Shard) Jobs() int { return len(s.jobs) }

// Unfinished counts the shard's unfinished runs.
func (s *Shard) Unfinished() int {
	return s.unfinished
}

func (s *Shard) take(in Input, now time.Time) {
	switch in := in.(type) {
	case JobChanged:
		s.changeJob(in, now)
	case JobsLoaded:
		s.finishLoading(now)
	case Requested:
		s.request(in.Request, now)
	case Reported:
		s.report(in, now)
	case EventsRead:
		s.read = max(s.read, in.Next)
	case SetAside:
		s.setAside(in, now)
	case ClusterClosed:
		s.closeCluster(in, now)
	case Refused:
		s.refused(in, now)
	case Beats:
		s.observe(in, now)
	case Unreadable:
		s.unreadable(in)
	}
}

// decideDue advances every job whose time has come, until the transaction is
// full. A job with more than one Step's worth to decide goes on in the next,
// behind those that have waited longer.
func (s *Shard) decideDue(now time.Time) {
	var unfinished []*entry
	for len(s.wakes) > 0 && s.wakes[0].wake.reached(now) && s.out.Records() < maxEffects {
		e := s.wakes[0]
		s.open(e)
		s.advance(e, now)
		s.touch(e)
		s.arm(e)
		if e.wake.reached(now) {
			unfinished = append(unfinished, e)
			s.wakes.remove(e)
		}
	}
	for _, e := range unfinished {
		s.wakes.set(e, now)
	}
}

// touch notes that this Step changes e in ways that its events tell.
func (s *Shard) touch(e *entry) {
	if !e.touched {
		e.touched = true
		s.touched = append(s.touched, e)
	}
}

// write is touch for changes that no event tells: e's state is to be in this
// Step's transaction.
func (s *Shard) write(e *entry) {
	s.touch(e)
	e.whole = true
}

func (s *Shard) writeStates(now time.Time) {
	for _, e := range s.touched {
		e.touched = false
		if e.aside != "" {
			e.whole = false
			continue
		}
		s.noteBusy(e)
		if e.over() && !now.Before(e.forgetAt()) {
			s.out.Forget = append(s.out.Forget, e.name)
			delete(s.jobs, e.name)
			s.wakes.remove(e)
			continue
		}
		if e.whole {
			s.writeState(e)
		} else {
			s.soil(e)
		}
		e.whole = false
		s.close(e)
	}
	s.touched = s.touched[:0]
}

func (s *Shard) noteBusy(e *entry) {
	s.follow(e)
	delete(s.backfilling, e.name)
	if len(e.st.Backfills) > 0 {
		s.backfilling[e.name] = e
	}
	runs := len(e.st.Active)
	s.unfinished += runs - s.busy[e.name].runs
	if runs > 0 {
		s.busy[e.name] = busyJob{e, runs}
	} else {
		delete(s.busy, e.name)
	}
}

// snapshot copies what later Steps would change under the reader's hands.
func snapshot(st JobState) JobState {
	st.Active = slices.Clone(st.Active)
	st.Deferred = slices.Clone(st.Deferred)
	st.Recent = slices.Clone(st.Recent)
	st.Backfills = slices.Clone(st.Backfills)
	st.Requests, st.Seen = slices.Clone(st.Requests), slices.Clone(st.Seen)
	return st
}

// worker is what the latest beats said of one worker.
type worker struct {
	member.Member
	held map[string]bool
}

// lacks reports whether the worker's latest beat, which is one of the life that
// holds a, says that it does not: by the number of the claim, or by the run's
// key if the claim has none.
func (w *worker) lacks(a *Active) bool {
	if a.Claim > 0 {
		return w.Claims.Lacks(a.Claim)
	}
	if w.held == nil {
		w.held = make(map[string]bool, len(w.Held)+len(w.Started))
		for _, key := range slices.Concat(w.Held, w.Started) {
			w.held[key] = true
		}
	}
	return w.Unlisted == 0 && !w.held[a.key().String()]
}
