package shard

import (
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Decisions that can never be committed must not stop the others: a job whose state
// cannot be read, or whose records Kafka refuses, is set aside, and a cluster
// whose topics may not be written is closed. Nothing is decided for a job set
// aside, and its state is not written over; the runs of a closed cluster wait.

// setAside takes a job out of everything until it is defined anew. One whose
// state cannot be read stays out: what it did is not known to this release.
func (s *Shard) setAside(in SetAside, now time.Time) {
	e := s.job(in.Job)
	if e == nil {
		e = s.add(JobState{Job: in.Job})
	}
	e.aside, e.lost = in.Reason, in.Reason == run.ReasonUnreadableState
	delete(s.aside, e.name)
	if !e.lost { // of a state that cannot be read the shell writes one
		s.aside[e.name] = e
		s.out.Dead = append(s.out.Dead, Dead{Letter: run.DeadLetter{
			At: now.UTC(), By: s.cfg.By, Reason: "set aside: " + in.Reason, Key: []byte(in.Job),
		}})
	}
	s.arm(e)
}

// takeBack undoes setAside: the job was defined anew.
func (s *Shard) takeBack(e *entry) {
	e.aside = ""
	delete(s.aside, e.name)
}

// Aside returns the jobs set aside whose state is known, the first limit by
// name, and how many more there are.
func (s *Shard) Aside(limit int) (listed []SetAside, more int) {
	names := slices.Sorted(maps.Keys(s.aside))
	for _, name := range names[:min(len(names), limit)] {
		listed = append(listed, SetAside{Job: name, Reason: s.aside[name].aside})
	}
	return listed, len(names) - len(listed)
}

// askedOfAside answers a request for a job that is set aside.
func (s *Shard) askedOfAside(e *entry, r run.Request, now time.Time) {
	s.event(run.Event{
		Type: run.EventSkipped, Job: r.Job, Run: run.NewID(r.Job, r.At, r.ID), Due: r.At.UTC(),
		Trigger: run.TriggerManual, Reason: e.aside, State: run.StateSkipped,
	}, now)
}

// closeCluster holds the runs of a cluster back, or lets them go again.
func (s *Shard) closeCluster(in ClusterClosed, now time.Time) {
	if in.Reason == "" {
		delete(s.closed, in.Cluster)
		s.wakeWaiting(now)
		return
	}
	s.closed[in.Cluster] = in.Reason
}

// whyHeld is why no run can be put on a queue now, or empty.
func (s *Shard) whyHeld(q queueKey) string {
	if reason := s.closed[q.cluster]; reason != "" {
		return reason
	}
	if s.surveyed && len(s.byQueue[q]) == 0 {
		return run.ReasonNoWorker
	}
	return ""
}
