package hostile

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// stranger signs all that is forged.
const stranger = "stranger"

// base is a good record, and the topic that it belongs to, about a job that is
// none of the good ones.
func (w *world) base() ([]byte, string) {
	w.t.Helper()
	victim, now, n := fmt.Sprintf("victim-%d", w.dice.Uint32()), time.Now().UTC(), w.names
	made := w.dice.IntN(8)
	switch made {
	case 0:
		return encoded(w, topic.EncodeJob, topic.Job{AppliedAt: now, AppliedBy: stranger, Job: victimJob(victim)}), n.Jobs()
	case 1:
		return encoded(w, topic.EncodeRequest, run.Request{
			Type: run.RequestRun, ID: victim, Job: victim, At: now, By: stranger, Run: run.NewID(victim, now, ""), Due: now,
		}), n.Commands()
	case 2:
		return encoded(w, topic.EncodeEvent, w.forged(victim)), n.Events()
	case 3:
		a := shard.Active{ID: run.NewID(victim, now, ""), Due: now, NotBefore: now, Attempt: 1, Fence: 3, State: run.StateQueued, Cluster: home}
		return encoded(w, topic.EncodeState, shard.JobState{Job: victim, Through: now, Fence: 3, Active: []shard.Active{a}}), n.State()
	case 4:
		return encoded(w, topic.EncodeBeat, member.Beat{
			ID: victim, Role: member.RoleWorker, Incarnation: now.UnixNano(), Seq: 1, At: now, Host: "h", Version: "v", StartedAt: now,
			Cluster: away, Runs: member.Slots{Total: 4, Free: 4}, Held: []string{run.Key{ID: run.NewID(victim, now, ""), Fence: 1}.String()},
		}), n.Members()
	case 5:
		return encoded(w, topic.EncodeControl, run.Control{
			Type: run.ControlCancel, At: now, Reason: "because", Run: run.NewID(victim, now, ""), Fence: 1, Cluster: home,
		}), n.Control()
	}
	r := run.Run{
		ID: run.NewID(victim, now, ""), Job: victim, Cluster: home, Due: now, NotBefore: now, StagedAt: now, Deadline: now.Add(time.Minute),
		Attempt: made - 5, Fence: 1, Trigger: run.TriggerSchedule, Hops: 1, Shard: topic.Partition(victim, shards),
		Command: []string{"true"}, Stdin: "in", Env: map[string]string{"A": "b"}, Timeout: time.Second, OnLost: job.LostFail,
	}
	if made == 6 {
		return encoded(w, topic.EncodeRun, r), n.Runs(home)
	}
	return encoded(w, topic.EncodeRun, r), n.Retries(home)
}

func encoded[T any](w *world, encode func(T) ([]byte, error), record T) []byte {
	w.t.Helper()
	value, err := encode(record)
	require.NoError(w.t, err)
	return value
}

// victimJob is due once a year: a thousand of them are no load.
func victimJob(name string) job.Job {
	j := job.Job{
		Name: name, Description: "d", Schedule: "0 0 1 1 *", Timezone: "UTC", Cluster: home, Command: []string{"true"}, Stdin: "in",
		Env: map[string]string{"A": "b"}, WorkingDir: "/", Timeout: time.Second, Retries: 1, StartDeadline: time.Minute,
		Jitter: time.Second, Labels: map[string]string{"l": "m"}, MaxUnfinished: 10, Source: "s",
	}
	return j.WithDefaults()
}

// forged is a report on a run that nobody handed out.
func (w *world) forged(victim string) run.Event {
	now := time.Now().UTC()
	types := []run.EventType{run.EventClaimed, run.EventStarting, run.EventFinished, run.EventReturned, run.EventDropped}
	return run.Event{
		Type: types[w.dice.IntN(len(types))], Job: victim, Run: run.NewID(victim, now, ""), Cluster: home, Due: now, Attempt: 1, Fence: 1,
		At: now, By: stranger, Incarnation: 1, Beat: 1, Trigger: run.TriggerSchedule, NotBefore: now, Hops: 1, Reason: "r",
		Outcome: &run.Outcome{State: run.StateFailed, ExitCode: 1, StartedAt: now, EndedAt: now, Reason: "r", Tail: "t", CPUTime: time.Second},
	}
}

// strangers report on a run that somebody else holds.
func (w *world) strangers() []poison {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.held) == 0 {
		return nil
	}
	of := w.held[len(w.held)-1-w.dice.IntN(min(len(w.held), 10))]
	ev := w.forged(of.Job)
	ev.Run, ev.Cluster, ev.Due, ev.Attempt, ev.Fence, ev.Trigger = of.Run, of.Cluster, of.Due, of.Attempt, of.Fence, of.Trigger
	if w.dice.IntN(2) == 0 {
		ev.Outcome.State, ev.Outcome.ExitCode = run.StateSucceeded, 0
	}
	p := w.aim("stranger "+string(ev.Type), w.names.Events(), encoded(w, topic.EncodeEvent, ev))
	p.Key, p.Partition = []byte(ev.Job), topic.Partition(ev.Job, shards)
	return []poison{p}
}

// burst is a minute of beats of a scheduler that nobody knows, within an
// instant.
func (w *world) burst() []poison {
	id, now := fmt.Sprintf("%s-%d", stranger, w.dice.Uint32()), time.Now().UTC()
	all := make([]poison, 60)
	for i := range all {
		all[i] = w.aim("burst", w.names.Members(), encoded(w, topic.EncodeBeat, member.Beat{
			ID: id, Role: member.RoleScheduler, Incarnation: now.UnixNano(), Seq: int64(i + 1), At: now.Add(time.Duration(i) * member.SchedulerEvery),
		}))
		all[i].Key = []byte(id)
	}
	return all
}

// misplaced is a good record where it does not belong: in another partition,
// under another key, or in the topic of another cluster.
func (w *world) misplaced() []poison {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.names
	sources := []string{n.Jobs(), n.Commands(), n.Events(), n.State(), n.Runs(home), n.Retries(home), n.Members(), n.Control(), n.Output(home)}
	name := sources[w.dice.IntN(len(sources))]
	seen := w.seen[name]
	if len(seen) == 0 {
		return nil
	}
	of := seen[w.dice.IntN(len(seen))]
	p := poison{kind: "misplaced", Record: &kgo.Record{Topic: name, Partition: of.Partition, Key: of.Key, Value: of.Value}}
	switch name {
	case n.Jobs(), n.Commands(), n.Events(), n.State():
		if w.dice.IntN(2) == 0 {
			p.Partition = (of.Partition + 1 + w.dice.Int32N(shards-1)) % shards
			break
		}
		p.Key = fmt.Appendf(nil, "victim-%d", w.dice.Uint32())
		p.Partition = topic.Partition(string(p.Key), shards)
	case n.Runs(home), n.Retries(home), n.Output(home):
		p.Topic = n.Runs(away)
	case n.Members():
		p.Key = []byte(stranger)
	case n.Control():
		p.Partition = topic.ControlPartition(away, topic.ControlPartitions)
	}
	return []poison{p}
}

// elsewhere is a good record in a topic of another kind.
func (w *world) elsewhere() []poison {
	value, _ := w.base()
	return []poison{w.aim("elsewhere", w.anyTopic(), value)}
}
