package ready

import "time"

// Scheduler is the state of a scheduler.
type Scheduler struct {
	Role
	// Heard is when it read the log of beats last; its own are among them.
	Heard time.Time
	// Shards are those that the log of beats gives it: none, where there are
	// more schedulers than shards.
	Shards []Shard
}

// Shard is the state of a shard that is a scheduler's own.
type Shard struct {
	Number int32
	// Unloaded is since when it waits to be taken over, zero once it is.
	Unloaded time.Time
	// Committing is when the transaction under way was begun, zero without one.
	Committing time.Time
	// Unclaimed counts the runs that are overdue on their queue although there
	// are free slots; Oldest is when the first of them was to start.
	Unclaimed int
	Oldest    time.Time
}

// Reasons decides.
func (s Scheduler) Reasons(now time.Time) []Reason {
	reasons := s.Role.Reasons(now)
	if !s.works(now) {
		return reasons
	}
	if overdue(s.Heard, now) {
		reasons = append(reasons, s.because(MembersUnread, s.Heard, "it has read no beat for %s", lasted(s.Heard, now)))
	}
	for _, shard := range s.Shards {
		if overdue(shard.Unloaded, now) {
			reasons = append(reasons, s.because(ShardNotLoaded, shard.Unloaded,
				"shard %d is its own, and has waited %s to be taken over", shard.Number, lasted(shard.Unloaded, now)))
		}
		if overdue(shard.Committing, now) {
			reasons = append(reasons, s.because(CommitStuck, shard.Committing,
				"a transaction of shard %d has not ended for %s", shard.Number, lasted(shard.Committing, now)))
		}
		if shard.Unclaimed > 0 && overdue(shard.Oldest, now) {
			reasons = append(reasons, s.because(RunsUnclaimed, shard.Oldest,
				"%d runs of shard %d are overdue on their queue although workers have slots free", shard.Unclaimed, shard.Number))
		}
	}
	return reasons
}

// Worker is the state of a worker.
type Worker struct {
	Role
	Queues []Queue
	// Overdue counts the runs held that are past their time and do not start
	// although slots run nothing; Oldest is since when the first of them waits.
	Overdue int
	Oldest  time.Time
}

// Queue is the state of a queue that a worker takes runs from. A worker that
// owns no partition of it, since others do, is ready all the same.
type Queue struct {
	Name string
	// Outside is since when it is in no consumer group, Failing since when
	// polls or claims fail, Claiming when the claim under way was begun; each is
	// zero if that is not so.
	Outside, Failing, Claiming time.Time
}

// Reasons decides.
func (w Worker) Reasons(now time.Time) []Reason {
	reasons := w.Role.Reasons(now)
	if !w.works(now) {
		return reasons
	}
	for _, q := range w.Queues {
		if overdue(q.Outside, now) {
			reasons = append(reasons, w.because(NotInGroup, q.Outside,
				"it has been in no consumer group of queue %s for %s", q.Name, lasted(q.Outside, now)))
		}
		if overdue(q.Failing, now) {
			reasons = append(reasons, w.because(ClaimsFailing, q.Failing,
				"taking runs from queue %s has failed for %s", q.Name, lasted(q.Failing, now)))
		}
		if overdue(q.Claiming, now) {
			reasons = append(reasons, w.because(ClaimStuck, q.Claiming,
				"a claim from queue %s has not ended for %s", q.Name, lasted(q.Claiming, now)))
		}
	}
	if w.Overdue > 0 && overdue(w.Oldest, now) {
		reasons = append(reasons, w.because(RunsOverdue, w.Oldest,
			"%d runs that it holds are overdue and do not start, although slots run nothing", w.Overdue))
	}
	return reasons
}

// Broker is the state of the embedded broker. Full and Failing are since when
// it refuses records for want of space, and cannot write its data.
type Broker struct {
	Accepting     bool
	Full, Failing time.Time
}

// Reasons decides; the broker's own troubles need no patience.
func (b Broker) Reasons(time.Time) []Reason {
	var reasons []Reason
	add := func(code Code, since time.Time, detail string) {
		reasons = append(reasons, Reason{Code: code, Of: "broker", Detail: detail, Since: since.UTC()})
	}
	if !b.Accepting {
		add(BrokerDeaf, time.Time{}, "the embedded broker cannot accept connections; the log says why")
	}
	if !b.Full.IsZero() {
		add(DiskFull, b.Full, "the disk of the data folder is full: no record is accepted until there is room")
	}
	if !b.Failing.IsZero() {
		add(DiskErrors, b.Failing, "the embedded broker cannot write its data; the log says why")
	}
	return reasons
}
