package shard

import (
	"fmt"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/schedule"
)

// entry is one job: its definition, if it has one, and its state. There may
// be a million of them, of which few do anything at a time, so that what they
// have in common is shared and the state of the idle ones packed.
type entry struct {
	name string
	// def is the job's definition without what sets it apart from others like
	// it; its command stands in command, with NUL between the arguments.
	def     *job.Job
	command string
	sched   *schedule.Schedule
	// except says which due times are not run, nil if all are.
	except *job.Exclusions
	// st is nil while only packed holds the state; while it is not, packed is
	// how it was when it was last closed.
	st     *JobState
	packed string
	// versioned says that the state came with the version of a definition.
	versioned bool
	// wake is when the job has something to decide, zero if never; index is
	// its place in the heap of wakes, -1 outside.
	wake    instant
	index   int32
	touched bool
	// whole says that this Step must write the state, since the log alone
	// does not tell what changed; dirty that the state in the topic is behind.
	whole, dirty bool
	// unreadable says that the job's definition could not be decoded: it is
	// not deleted, but nothing can be decided for it.
	unreadable bool
	// aside is why the job is set aside, empty if it is not; lost says that
	// its state is unknown.
	aside string
	lost  bool
}

const separator = "\x00" // no argument can hold it

// add makes an entry of a job's state.
func (s *Shard) add(st JobState) *entry {
	e := &entry{name: st.Job, st: &st, index: -1, versioned: st.Version != ""}
	s.jobs[e.name] = e
	s.opened = append(s.opened, e)
	return e
}

// job returns the entry of that name with its state at hand, nil if there is
// none.
func (s *Shard) job(name string) *entry {
	e := s.jobs[name]
	if e != nil {
		s.open(e)
	}
	return e
}

// open unpacks e's state until the end of the Step.
func (s *Shard) open(e *entry) {
	if e.st == nil {
		e.st = unpack(e.name, e.packed)
		s.opened = append(s.opened, e)
	}
}

// close packs e's state, unless a run or a backfill is under way or a newer version wrote
// what only the state itself can hold. Most states were only looked at: their
// packed form is what it was.
func (s *Shard) close(e *entry) {
	if e.st == nil || e.touched || len(e.st.Active)+len(e.st.Backfills)+len(e.st.Deferred) > 0 || len(e.st.Unknown) > 0 {
		return
	}
	s.packing = pack(s.packing[:0], e.st)
	if e.packed != string(s.packing) {
		e.packed = string(s.packing)
	}
	e.st = nil
}

// closeOpened closes what was only looked at. What has changed is closed once
// its state is written.
func (s *Shard) closeOpened() {
	for _, e := range s.opened {
		s.close(e)
	}
	clear(s.opened)
	s.opened = s.opened[:0]
}

// ruleKey is all of a definition that other jobs may have in common with it.
type ruleKey struct {
	cluster, workingDir, user      string
	timeout, startDeadline, spread int64
	retries                        int
	backoff                        job.Backoff
	overlap                        job.Overlap
	catchUp                        job.CatchUp
	onLost, onAnnounced            job.OnLost
	maxUnfinished                  int
	paused, linger                 bool
	more                           string // the environment, the input and what is told
}

const (
	// maxRules bounds the definitions kept for others to share.
	maxRules = 10_000
	// maxMore is how large the parts that are rarely equal may be to be
	// compared at all.
	maxMore = 4 << 10
)

// define gives e a definition.
func (s *Shard) define(e *entry, j *job.Job, sched *schedule.Schedule, except *job.Exclusions) {
	e.def, e.command = s.rulesOf(j), strings.Join(j.Command, separator)
	e.sched, e.except, e.unreadable = sched, except, false
}

// undefine takes it away.
func (e *entry) undefine() {
	e.def, e.command, e.sched, e.except, e.unreadable = nil, "", nil, nil, false
}

// rulesOf returns what enqueueing needs of j, without name, schedule and
// command: the same for all jobs that agree in it.
func (s *Shard) rulesOf(j *job.Job) *job.Job {
	key := ruleKey{
		cluster: j.Cluster, workingDir: j.WorkingDir, user: j.User,
		timeout: int64(j.Timeout), startDeadline: int64(j.StartDeadline), spread: int64(j.Jitter),
		retries: j.Retries, backoff: j.RetryBackoff, overlap: j.Overlap, catchUp: j.CatchUp, onLost: j.OnLost, paused: j.Paused, linger: j.Linger,
		onAnnounced: j.OnAnnounced, maxUnfinished: j.MaxUnfinished,
	}
	if len(j.Env)+len(j.Notify) > 0 || j.Stdin != "" || j.ExpectSuccessWithin > 0 || j.DoneBy != "" {
		key.more = fmt.Sprintf("%q%q%+v%d%q", j.Env, j.Stdin, j.Notify, j.ExpectSuccessWithin, j.DoneBy) // maps are printed in order
		if len(key.more) > maxMore {
			return rules(j)
		}
	}
	known := s.rules[key]
	if known == nil {
		if len(s.rules) >= maxRules {
			clear(s.rules)
		}
		known = rules(j)
		s.rules[key] = known
	}
	return known
}

func rules(j *job.Job) *job.Job {
	return &job.Job{
		Cluster: j.Cluster, Stdin: j.Stdin, Env: j.Env, WorkingDir: j.WorkingDir, User: j.User, Timeout: j.Timeout,
		Retries: j.Retries, RetryBackoff: j.RetryBackoff, Overlap: j.Overlap, CatchUp: j.CatchUp,
		StartDeadline: j.StartDeadline, Jitter: j.Jitter, OnLost: j.OnLost, OnAnnounced: j.OnAnnounced,
		MaxUnfinished: j.MaxUnfinished, Paused: j.Paused, Linger: j.Linger,
		Notify: j.Notify, ExpectSuccessWithin: j.ExpectSuccessWithin, DoneBy: j.DoneBy,
	}
}
