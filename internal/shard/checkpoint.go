package shard

import "time"

// The log of events says most of what becomes of a job's runs, so that a
// job's state is not written for each of them. A job whose state in the topic
// is behind the log is dirty. A checkpoint writes the states of all jobs that
// were dirty when it began; after it a new owner replays the events from where
// they stood then.

const (
	// checkpointEvery and checkpointEvents bound how much a new owner replays:
	// a checkpoint begins after that time, or that many changes to jobs.
	checkpointEvery  = time.Minute
	checkpointEvents = 50_000
	// checkpointRuns bounds what one Step writes of a checkpoint: jobs, each
	// with its unfinished runs.
	checkpointRuns = 1000
)

// checkpoint is how far the states in the topic are behind the log.
type checkpoint struct {
	// from is the offset in events a new owner replays from.
	from int64
	// dirty are the jobs that changed since the round under way began; round
	// are those it has yet to write, and next is where from moves at its end.
	dirty, round []*entry
	running      bool
	next         int64
	// began is when the last round did, changes counts those to jobs since.
	began   time.Time
	changes int
}

// ReplayFrom is the offset in events from which on a new owner has to replay.
func (s *Shard) ReplayFrom() int64 { return s.point.from }

// soil notes that the log, and not the topic of states, says how e stands.
func (s *Shard) soil(e *entry) {
	s.point.changes++
	if !e.dirty {
		e.dirty = true
		s.point.dirty = append(s.point.dirty, e)
	}
}

// dueAt is when the next round begins, zero while there is nothing to write.
func (c *checkpoint) dueAt() time.Time {
	switch {
	case c.running:
		return c.began
	case len(c.dirty) == 0:
		return time.Time{}
	}
	return c.began.Add(checkpointEvery)
}

// writeCheckpoint begins a round when one is due, and goes on with it.
func (s *Shard) writeCheckpoint(now time.Time) {
	c := &s.point
	if now.Before(c.began) || c.began.IsZero() {
		c.began = now // the clock was set back, or this owner begins
	}
	if !c.running {
		if len(c.dirty) == 0 || c.changes < checkpointEvents && now.Sub(c.began) < checkpointEvery {
			return
		}
		c.round, c.dirty = c.dirty, nil
		c.running, c.next, c.began, c.changes = true, s.read, now, 0
	}
	for weight := 0; len(c.round) > 0 && weight < checkpointRuns; c.round = c.round[1:] {
		if e := c.round[0]; e.dirty && s.jobs[e.name] == e {
			s.open(e)
			weight += 1 + len(e.st.Active)
			s.writeState(e)
		}
	}
	if len(c.round) == 0 {
		c.running, c.round, c.from = false, nil, c.next
		s.out.Checkpoint = true
	}
}

// writeState puts e's state into this Step's transaction.
func (s *Shard) writeState(e *entry) {
	e.dirty = false
	e.st.Step, e.st.Read = s.step, s.read
	s.out.States = append(s.out.States, snapshot(*e.st))
	s.close(e)
}
