package shard

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// JobState is all that must outlive a scheduler about one job: the record in
// the state topic, keyed by job name. Its size is bounded by the runs that
// are unfinished.
type JobState struct {
	V   int    `json:"v"`
	Job string `json:"job"`

	// Version is that of the definition decided with (job.Job.Version).
	Version string `json:"version,omitempty"`

	// Through is the newest due time decided; all before it are, too.
	Through time.Time `json:"through,omitzero"`

	// Paused says that somebody asked for a pause.
	Paused bool `json:"paused,omitzero"`

	// Fence is the highest given out. A new job's begin at the time it was
	// first seen, in microseconds since 1970.
	Fence int64 `json:"fence,omitzero"`

	// Active are the unfinished runs, by ID; Deferred the due times that wait
	// for them (overlap queue and replace).
	Active   []Active   `json:"active,omitempty"`
	Deferred []Deferred `json:"deferred,omitempty"`

	// Recent are the latest final states, newest last, at most maxRecent.
	Recent []Summary `json:"recent,omitempty"`

	// Backfills are those under way, oldest first, at most run.MaxBackfills.
	Backfills []Backfill `json:"backfills,omitempty"`

	// Seen are the latest requests, at most maxRequests of the last
	// requestsFor, so that one sent twice counts once. Requests are the IDs
	// that version 1 kept of them.
	Seen     []Seen   `json:"seen,omitempty"`
	Requests []string `json:"requests,omitempty"`

	// Step is the decision this state was written with, Read the offset in
	// events up to which reports are in it. What the log holds beyond both is
	// replayed onto it.
	Step int64 `json:"step,omitzero"`
	Read int64 `json:"read,omitzero"`

	// Aside is why nothing is decided for the job; it is in no record.
	Aside string `json:"-"`

	// Unknown keeps fields written by a newer version.
	Unknown map[string]any `json:",embed"`
}

// Active is one unfinished run.
type Active struct {
	ID        run.ID      `json:"run"`
	Due       time.Time   `json:"due"`
	NotBefore time.Time   `json:"not_before"`
	Trigger   run.Trigger `json:"trigger"`
	Attempt   int         `json:"attempt"`
	Fence     int64       `json:"fence,omitzero"`
	Hops      int         `json:"hops,omitzero"`

	// State is waiting (not on a queue until near NotBefore), queued,
	// claimed or started.
	State run.State `json:"state"`

	// Cluster is where the run was enqueued, Staged when. Waits is why it is on
	// no queue though its time has come.
	Cluster string    `json:"cluster"`
	Staged  time.Time `json:"staged,omitzero"`
	Waits   string    `json:"waits,omitempty"`

	// Holder is the worker that claimed it, in which life, after which beat, and
	// under which number, if it gave one.
	Holder      string `json:"holder,omitempty"`
	Incarnation int64  `json:"incarnation,omitzero"`
	Beat        int64  `json:"beat,omitzero"`
	Claim       int64  `json:"claim,omitzero"`

	// Recall is why the run was asked back, while no answer has come;
	// Cancel why it is to end, whether started or not.
	Recall string `json:"recall,omitempty"`
	Cancel string `json:"cancel,omitempty"`

	// Backfill is the ID of the backfill that the run belongs to, Own what the
	// run has in place of its job's definition.
	Backfill string `json:"backfill,omitempty"`
	Own      *Own   `json:"own,omitempty"`
}

// Deferred is a due time that waits for an unfinished run.
type Deferred struct {
	ID      run.ID      `json:"run"`
	Due     time.Time   `json:"due"`
	Trigger run.Trigger `json:"trigger"`
	// Own is as of the run that it becomes, Backfill too, but is in no record:
	// what a backfill hands out is never deferred.
	Own      *Own   `json:"own,omitempty"`
	Backfill string `json:"-"`
}

// Summary is how a run ended.
type Summary struct {
	ID       run.ID    `json:"run"`
	Due      time.Time `json:"due"`
	State    run.State `json:"state"`
	Attempts int       `json:"attempts"`
	EndedAt  time.Time `json:"ended_at"`
}

const (
	maxRecent = 10
	// maxRequests and requestsFor bound the requests remembered of one job.
	maxRequests = 1000
	requestsFor = 24 * time.Hour
	// maxDeferred bounds what overlap: queue holds back for one job.
	maxDeferred = 100
)

// Seen is a request that was acted on: the hash of its ID, and when, in
// minutes since 1970.
type Seen struct {
	ID string `json:"id"`
	At int64  `json:"at"`
}

// key names a's latest handing-out.
func (a *Active) key() run.Key { return run.Key{ID: a.ID, Fence: a.Fence} }

// queued puts a on a queue, in nobody's hands.
func (a *Active) queued(at time.Time) {
	a.State, a.Staged, a.Waits = run.StateQueued, at.UTC(), ""
	a.release()
}

// release takes a out of everybody's hands.
func (a *Active) release() { a.Holder, a.Incarnation, a.Beat, a.Claim, a.Recall = "", 0, 0, 0, "" }

// wait takes a off all queues, for the given reason.
func (a *Active) wait(reason string) {
	a.State, a.Waits = run.StateWaiting, reason
	a.release()
}

// heldBy reports whether it is that life of that worker that holds a.
func (a *Active) heldBy(ev *run.Event) bool {
	return a.Holder == ev.By && a.Incarnation == ev.Incarnation
}

// ask notes that a is to be given back, or to end whether started or not.
func (a *Active) ask(reason string, cancel bool) {
	if cancel {
		a.Cancel = reason
	} else {
		a.Recall = reason
	}
}

// await lets a wait for its next attempt.
func (a *Active) await(attempt int, at time.Time) {
	a.Attempt, a.NotBefore, a.State, a.Hops = attempt, at.UTC(), run.StateWaiting, 0
}

// note takes a worker's word on where a stands, and reports whether that
// changed anything. What the other reports change, the shard decides.
//
// A run on a queue is whose worker says first that it claimed it. That somebody
// else announces its start makes it started all the same: it may have been, and
// must then not be started again.
func (a *Active) note(ev *run.Event) bool {
	switch ev.Type {
	case run.EventClaimed:
		if a.State != run.StateQueued {
			return false
		}
		a.State = run.StateClaimed
		a.Holder, a.Incarnation, a.Beat, a.Claim = ev.By, ev.Incarnation, ev.Beat, ev.Claim
	case run.EventStarting:
		if a.State == run.StateQueued {
			a.Holder, a.Incarnation = ev.By, ev.Incarnation
		}
		a.State, a.Recall = run.StateStarted, ""
	case run.EventFinished, run.EventReturned, run.EventDropped, run.EventEnqueued, run.EventSkipped,
		run.EventRecalling, run.EventRetrying, run.EventLost, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventDeferred:
		return false
	}
	return true
}

// concerns returns the run that the report speaks of, nil if it is about a
// handing-out that is out of date, or somebody else's to report on.
func (st *JobState) concerns(ev *run.Event) *Active {
	a := st.find(ev.Run)
	if a == nil || a.key() != ev.Key() || a.State == run.StateWaiting {
		return nil
	}
	switch ev.Type {
	case run.EventClaimed:
		if a.State != run.StateQueued && !a.heldBy(ev) {
			return nil
		}
	case run.EventFinished:
		if !a.heldBy(ev) {
			return nil
		}
	case run.EventReturned, run.EventDropped:
		if a.State != run.StateQueued && !a.heldBy(ev) {
			return nil
		}
	case run.EventStarting, run.EventEnqueued, run.EventSkipped, run.EventRecalling, run.EventRetrying,
		run.EventLost, run.EventEnded, run.EventLate, run.EventWithdrawn, run.EventDiscarded, run.EventBackfill, run.EventDeferred:
	}
	return a
}

// where is the place of that ID among the active runs, and whether it is there.
func (st *JobState) where(id run.ID) (int, bool) {
	return slices.BinarySearchFunc(st.Active, id, func(a Active, id run.ID) int { return cmp.Compare(a.ID, id) })
}

// find returns the active run of that ID. It stays where it is until a run
// begins or ends.
func (st *JobState) find(id run.ID) *Active {
	if i, ok := st.where(id); ok {
		return &st.Active[i]
	}
	return nil
}

// insert adds a run that is not among the active ones.
func (st *JobState) insert(a Active) *Active {
	i, _ := st.where(a.ID)
	st.Active = slices.Insert(st.Active, i, a)
	return &st.Active[i]
}

// active returns the run of that handing-out, if it is the latest.
func (st *JobState) active(key run.Key) *Active {
	if st == nil {
		return nil
	}
	if a := st.find(key.ID); a != nil && a.Fence == key.Fence {
		return a
	}
	return nil
}

// remove forgets the active run of that ID.
func (st *JobState) remove(id run.ID) {
	if i, ok := st.where(id); ok {
		st.Active = slices.Delete(st.Active, i, i+1)
	}
}

// knows reports whether the run is or lately was a run of the job.
func (st *JobState) knows(id run.ID) bool {
	return st.find(id) != nil ||
		slices.ContainsFunc(st.Recent, func(r Summary) bool { return r.ID == id }) ||
		slices.ContainsFunc(st.Deferred, func(d Deferred) bool { return d.ID == id })
}

// remember adds to the bounded history the end of a run, which is still among
// the unfinished ones if it ever was.
func (st *JobState) remember(sum Summary) {
	if a := st.find(sum.ID); a != nil {
		st.ranOne(a.Backfill, sum.State)
	}
	st.Recent = append(st.Recent, sum)
	if over := len(st.Recent) - maxRecent; over > 0 {
		st.Recent = slices.Delete(st.Recent, 0, over)
	}
}

// succeed ends a with the worker's report of its success.
func (st *JobState) succeed(a *Active, ev *run.Event) {
	st.remember(Summary{ID: a.ID, Due: a.Due, State: run.StateSucceeded, Attempts: a.Attempt, EndedAt: ev.At.UTC()})
	st.remove(a.ID)
}

// seen reports whether the request was handled before, and marks it handled.
func (st *JobState) seen(request string, now time.Time) bool {
	id := hashed(request)
	if slices.Contains(st.Requests, request) || slices.ContainsFunc(st.Seen, func(s Seen) bool { return s.ID == id }) {
		return true
	}
	minute := now.Unix() / 60
	st.Seen = slices.DeleteFunc(st.Seen, func(s Seen) bool { return s.At < minute-int64(requestsFor/time.Minute) })
	st.Seen = append(st.Seen, Seen{id, minute})
	if over := len(st.Seen) - maxRequests; over > 0 {
		st.Seen = slices.Delete(st.Seen, 0, over)
	}
	return false
}

// hashed is what is remembered of a request's ID: 8 bytes of its hash, since
// whoever sends it chooses its length.
func hashed(request string) string {
	sum := sha256.Sum256([]byte(request))
	return base64.RawURLEncoding.EncodeToString(sum[:8])
}
