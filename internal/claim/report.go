package claim

import (
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Author is who reports: a worker, and which life of it. A shard believes
// nobody else about a run that this one holds.
type Author struct {
	Name        string
	Incarnation int64
}

// Event returns what all events about a run say.
func (a Author) Event(t run.EventType, r *run.Run, at time.Time) run.Event {
	return run.Event{
		Type: t, Job: r.Job, Run: r.ID, Cluster: r.Cluster, Due: r.Due, Attempt: r.Attempt, Fence: r.Fence,
		At: at.UTC(), By: a.Name, Incarnation: a.Incarnation, Trigger: r.Trigger, Hops: r.Hops,
	}
}

// Decided returns what a claim's transaction says of a run, if it says
// anything. beat is the number of the latest beat sent before the decision:
// later ones list what is claimed.
func (a Author) Decided(v Verdict, r *run.Run, beat int64, at time.Time) (run.Event, bool) {
	ev := a.Event(v.Event, r, at)
	ev.Reason, ev.Confirm = v.Reason, v.Confirm
	if v.Event == run.EventClaimed {
		ev.Beat, ev.Claim = beat, v.Number
	}
	return ev, v.Event != ""
}

// Report returns the event that an effect wants written, and its run, if it
// wants one.
func (a Author) Report(e Effect, at time.Time) (run.Event, run.Run, bool) {
	switch e := e.(type) {
	case SendStarting:
		return a.Event(run.EventStarting, &e.Run, at), e.Run, true
	case SendFinished:
		ev := a.Event(run.EventFinished, &e.Run, at)
		ev.Outcome = &e.Outcome
		return ev, e.Run, true
	case SendReturned:
		ev := a.Event(run.EventReturned, &e.Run, at)
		ev.Reason = e.Reason
		return ev, e.Run, true
	case SendDropped:
		ev := a.Event(run.EventDropped, &e.Run, at)
		ev.Reason = e.Reason
		return ev, e.Run, true
	}
	return run.Event{}, run.Run{}, false
}
