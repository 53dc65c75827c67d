package history

import (
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

// columns are what of a run is searched and counted by.
type columns struct {
	key     key
	due     int64
	state   run.State
	begun   bool // in the strip
	waits   int64
	waiting bool
	ended   int64 // 0: not

	duration, lateness       time.Duration
	hasDuration, hasLateness bool

	cluster, worker string
	trigger         run.Trigger
	exit            *int
}

func micros(t time.Time) int64 { return t.UnixMicro() }

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// columnsOf returns what follows from a run. It depends on the run alone, so
// that what was counted for it can be taken back.
func columnsOf(r *ledger.Run) columns {
	c := columns{key: keyOf(r.ID), due: micros(r.Due), state: r.State, cluster: r.Cluster, trigger: r.Trigger}
	if r.Ended() {
		c.ended = micros(r.EndedAt)
	}
	switch r.State {
	case run.StateQueued, run.StateClaimed, run.StateWaiting:
		c.waiting, c.waits = true, micros(r.NotBefore)
		if r.NotBefore.IsZero() {
			c.waits = c.due
		}
	case run.StateStarted, run.StateSucceeded, run.StateFailed, run.StateTimedOut, run.StateCancelled, run.StateLost,
		run.StateSkipped, run.StateDead:
	}
	for i := range r.Attempts {
		a := &r.Attempts[i]
		c.begun = c.begun || !a.StartedAt.IsZero() || a.Outcome != nil
	}
	c.begun = c.begun || r.Ended() && classOf(r.State) != classSkipped
	if a, ok := r.Last(); ok {
		c.worker = a.Worker
		if o := a.Outcome; o != nil {
			exit := o.ExitCode
			c.exit = &exit
			if !o.StartedAt.IsZero() && !o.EndedAt.Before(o.StartedAt) {
				c.duration, c.hasDuration = o.EndedAt.Sub(o.StartedAt), true
			}
		}
		c.lateness, c.hasLateness = a.Lateness()
	}
	return c
}

// running reports whether the run is under way.
func (c *columns) running() bool { return c.state == run.StateStarted && c.ended == 0 }

// floor divides microseconds by a unit, towards the past.
func floor(micros int64, unit time.Duration) int64 {
	u := unit.Microseconds()
	n := micros / u
	if micros%u < 0 {
		n--
	}
	return n
}

// strip is the run in its job's strip.
func (c *columns) strip() StripRun {
	return StripRun{ID: c.key.id(), Due: instant(c.due), State: c.state, Duration: wholeMicros(c.duration), Lateness: wholeMicros(c.lateness)}
}

// wholeMicros is what the file keeps of a duration.
func wholeMicros(d time.Duration) time.Duration { return d.Truncate(time.Microsecond) }

// or0 is a column that may be NULL.
func or0(value int64, has bool) any {
	if !has {
		return nil
	}
	return value
}

// rowOf is a run as lists show it, without Version.
func rowOf(r *ledger.Run) RunRow {
	c := columnsOf(r)
	row := RunRow{
		ID: r.ID, Job: r.Job, Cluster: r.Cluster, Due: r.Due, Trigger: r.Trigger, State: r.State, Reason: r.Reason,
		NotBefore: r.NotBefore, EndedAt: r.EndedAt, Duration: c.duration, Lateness: c.lateness,
		Attempts: len(r.Attempts), ExitCode: c.exit, Worker: c.worker,
	}
	if a, ok := r.Last(); ok {
		row.StartedAt = a.StartedAt
		if a.Outcome != nil && !a.Outcome.EndedAt.IsZero() {
			row.EndedAt = a.Outcome.EndedAt
		}
	}
	return row
}

func skipRow(s *ledger.Skip) RunRow {
	return RunRow{Job: s.Job, Due: s.Due, State: run.StateSkipped, Reason: s.Reason, Skip: s}
}
