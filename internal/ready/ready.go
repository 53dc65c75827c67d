package ready

import (
	"fmt"
	"slices"
	"time"
)

// Patience is how long anything may take that is part of a role's work before
// it is a reason: beats come each half second to second, transactions take less
// than a tenth of one, and a broker that died is replaced within it or not.
const Patience = 5 * time.Second

// Code names a kind of reason, for machines; docs/operations.md lists them.
type Code string

// The codes.
const (
	// Starting: the role has not yet come so far that it works.
	Starting Code = "starting"
	// Leaving: the role was told to end, and takes no more.
	Leaving Code = "leaving"
	// KafkaSilent: no beat was acknowledged lately; nothing can be committed.
	KafkaSilent Code = "kafka_silent"

	// MembersUnread: the scheduler hears no beats, not even its own, and so
	// does not know who owns what.
	MembersUnread Code = "members_unread"
	// ShardNotLoaded: a shard is this scheduler's and its jobs wait.
	ShardNotLoaded Code = "shard_not_loaded"
	// CommitStuck: a decision of a shard does not get into the log.
	CommitStuck Code = "commit_stuck"
	// RunsUnclaimed: runs are overdue on their queue although workers of it
	// have slots free.
	RunsUnclaimed Code = "runs_unclaimed"

	// NotInGroup: the worker is no member of its queue's consumer group.
	NotInGroup Code = "not_in_group"
	// ClaimsFailing: polling a queue or claiming from it fails each time.
	ClaimsFailing Code = "claims_failing"
	// ClaimStuck: a claim does not get into the log.
	ClaimStuck Code = "claim_stuck"
	// RunsOverdue: runs held are past their time and do not start although
	// slots run nothing.
	RunsOverdue Code = "runs_overdue"

	// BrokerDeaf: the embedded broker accepts no connections.
	BrokerDeaf Code = "broker_deaf"
	// DiskFull: the embedded broker accepts no records for want of space.
	DiskFull Code = "disk_full"
	// DiskErrors: the embedded broker cannot write its data.
	DiskErrors Code = "disk_errors"
)

// Codes returns every code.
func Codes() []Code {
	return []Code{
		Starting, Leaving, KafkaSilent, MembersUnread, ShardNotLoaded, CommitStuck, RunsUnclaimed,
		NotInGroup, ClaimsFailing, ClaimStuck, RunsOverdue, BrokerDeaf, DiskFull, DiskErrors,
	}
}

// Reason is why a role is not ready.
type Reason struct {
	Code   Code      `json:"code"`
	Of     string    `json:"of"` // the member, or "broker"
	Detail string    `json:"detail"`
	Since  time.Time `json:"since,omitzero"`
}

// Answer is what /readyz says.
type Answer struct {
	Ready   bool     `json:"ready"`
	Reasons []Reason `json:"reasons,omitempty"`
}

// Answered is the answer for all reasons of a process, the oldest first.
func Answered(reasons []Reason) Answer {
	reasons = slices.Clone(reasons)
	slices.SortStableFunc(reasons, func(a, b Reason) int { return a.Since.Compare(b.Since) })
	return Answer{Ready: len(reasons) == 0, Reasons: reasons}
}

// Role is what schedulers and workers have in common.
type Role struct {
	Name string
	// Began is when the role was begun, Beaten when its latest acknowledged
	// beat was sent.
	Began, Beaten time.Time
	// Working says that it came so far as to work at least once, Leaving since
	// when it was told to end.
	Working bool
	Leaving time.Time
}

// Reasons decides over what all roles have in common.
func (r Role) Reasons(now time.Time) []Reason {
	switch {
	case !r.Leaving.IsZero():
		return []Reason{r.because(Leaving, r.Leaving, "it was told to end, and takes no more")}
	case !r.Working:
		return []Reason{r.because(Starting, r.Began, "it has not begun to work: Kafka is awaited, or its records are being read")}
	case overdue(r.heard(), now):
		return []Reason{r.because(KafkaSilent, r.heard(), "Kafka has acknowledged no beat for %s", lasted(r.heard(), now))}
	}
	return nil
}

// heard is when Kafka was last known to take what the role writes.
func (r Role) heard() time.Time {
	if r.Beaten.IsZero() {
		return r.Began
	}
	return r.Beaten
}

// works reports whether to look further: what else is wrong with a role that
// is starting, leaving or cut off follows from that.
func (r Role) works(now time.Time) bool { return len(r.Reasons(now)) == 0 }

func (r Role) because(code Code, since time.Time, format string, args ...any) Reason {
	return Reason{Code: code, Of: r.Name, Detail: fmt.Sprintf(format, args...), Since: since.UTC()}
}

// overdue reports whether something that is under way since then, if it is
// (the zero time says that it is not), has taken too long.
func overdue(since, now time.Time) bool {
	return !since.IsZero() && now.Sub(since) > Patience
}

func lasted(since, now time.Time) time.Duration { return now.Sub(since).Round(time.Second) }
