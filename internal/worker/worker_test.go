package worker_test

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
)

func TestStagedRunStartsOnItsDueTime(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript()
		stop := w.start(s, nil)
		r := newRun("early", 2*time.Second)
		w.stage(r)

		claimed := w.awaitEvent(run.EventClaimed, r)
		require.Less(t, claimed.At, r.NotBefore, "claimed ahead")
		require.Equal(t, "w1", claimed.By)
		require.NotZero(t, claimed.Incarnation)
		require.NotZero(t, claimed.Beat)
		w.await("a beat that holds it", func(_ []run.Event, beats []member.Beat) bool {
			last := beats[len(beats)-1].Claims
			return claimed.Claim == 1 && slices.Equal(last.Held, []run.Row{{1, 1}}) && last.Last == 1
		})

		began := <-s.started
		require.False(t, began.at.Before(r.NotBefore), "started %s early", r.NotBefore.Sub(began.at))
		require.Less(t, began.at.Sub(r.NotBefore), 500*time.Millisecond)
		require.Equal(t, string(r.ID), began.command.Identity.RunID)
		starting := w.awaitEvent(run.EventStarting, r)
		require.Less(t, starting.At, r.NotBefore, "announced ahead")

		finished := w.awaitEvent(run.EventFinished, r)
		require.Equal(t, run.StateSucceeded, finished.Outcome.State)
		require.Equal(t, "hello from early", finished.Outcome.Tail)
		w.await("a beat without it", func(_ []run.Event, beats []member.Beat) bool {
			last := beats[len(beats)-1]
			return last.Unlisted+last.Staged()+last.Running() == 0 && last.Runs.Free == 1
		})
		stop()

		chunks := w.read(w.names.Output(cluster))
		require.NotEmpty(t, chunks)
		first, err := topic.DecodeOutput(chunks[0])
		require.NoError(t, err)
		require.Equal(t, "hello from early", string(first.Data))
		require.Equal(t, r.Fence, first.Fence)
		last, err := topic.DecodeOutput(chunks[len(chunks)-1])
		require.NoError(t, err)
		require.True(t, last.Last)
	})
}

func TestRecallAndCancel(t *testing.T) {
	inWorld(t, func(w *world) {
		known := newRun("known", time.Hour)
		w.control(run.Control{Type: run.ControlRecall, Run: known.ID, Fence: known.Fence, Reason: run.ReasonPaused})

		s := newScript("long")
		stop := w.start(s, nil)
		recalled, long := newRun("recalled", time.Hour), newRun("long", 0)
		for _, r := range []run.Run{known, recalled, long} {
			w.stage(r)
		}
		require.Equal(t, run.ReasonPaused, w.awaitEvent(run.EventDropped, known).Reason)

		w.awaitEvent(run.EventClaimed, recalled)
		w.control(run.Control{Type: run.ControlRecall, Run: recalled.ID, Fence: recalled.Fence, Reason: run.ReasonEdited})
		require.Equal(t, run.ReasonEdited, w.awaitEvent(run.EventDropped, recalled).Reason)

		require.Equal(t, "long", (<-s.started).command.Args[0])
		w.control(run.Control{Type: run.ControlCancel, Run: long.ID, Fence: long.Fence, Reason: run.ReasonReplaced})
		outcome := w.awaitEvent(run.EventFinished, long).Outcome
		require.Equal(t, run.StateCancelled, outcome.State)
		require.Equal(t, run.ReasonReplaced, outcome.Reason)
		stop()
		require.Empty(t, s.started)
	})
}

func TestDrain(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript("stuck")
		stop := w.start(s, func(o *worker.Options) { o.Drain = time.Second })
		stuck, waiting, staged := newRun("stuck", 0), newRun("waiting", 0), newRun("staged", time.Hour)
		w.stage(stuck)
		<-s.started
		w.stage(staged)
		w.awaitEvent(run.EventClaimed, staged)
		w.stage(waiting)
		w.awaitEvent(run.EventClaimed, waiting)
		stop()

		require.Equal(t, run.ReasonDraining, w.awaitEvent(run.EventReturned, waiting).Reason)
		require.Equal(t, run.ReasonDraining, w.awaitEvent(run.EventReturned, staged).Reason)
		outcome := w.awaitEvent(run.EventFinished, stuck).Outcome
		require.Equal(t, run.StateLost, outcome.State)
		require.Equal(t, run.ReasonDraining, outcome.Reason)
		require.GreaterOrEqual(t, outcome.EndedAt.Sub(outcome.StartedAt), time.Second, "it had the drain time")
		w.await("a farewell", func(_ []run.Event, beats []member.Beat) bool {
			last := beats[len(beats)-1]
			return last.Leaving && last.Unlisted+last.Staged()+last.Running() == 0
		})
		require.Empty(t, s.started, "nothing was started while draining")
	})
}

func TestUnreadableRecordsGoToDeadLetters(t *testing.T) {
	inWorld(t, func(w *world) {
		good := newRun("good", 0)
		noShard := newRun("no-shard", 0)
		noShard.Shard = shards
		w.produce(w.names.Runs(cluster), "key", []byte("not JSON"))
		w.produce(w.names.Runs(cluster), "later", []byte(`{"v":99,"run":"x","job":"j"}`))
		w.stage(noShard)
		elsewhere := newRun("elsewhere", 0)
		elsewhere.Cluster = "cluster-z"
		w.stage(elsewhere)
		value, err := topic.EncodeRun(newRun("copied", 0))
		require.NoError(t, err)
		w.produce(w.names.Runs(cluster), "another", value)
		// Written before clusters and shards were: read all the same.
		w.produce(w.names.Runs(cluster), "old", []byte(`{"run":"old","job":"old","command":["old"],"attempt":1}`))
		w.stage(good)

		s := newScript()
		stop := w.start(s, nil)
		w.awaitEvent(run.EventFinished, good)
		old := w.awaitEvent(run.EventFinished, run.Run{ID: "old"})
		require.Equal(t, cluster, old.Cluster)
		stop()

		var reasons []string
		for i, value := range w.read(w.names.DeadOf(cluster)) {
			letter, err := topic.DecodeDeadLetter(value)
			require.NoError(t, err)
			require.Equal(t, w.names.Runs(cluster), letter.Topic)
			require.Equal(t, int64(i), letter.Offset)
			reasons = append(reasons, letter.Reason)
			if i == 0 {
				require.Equal(t, "key", string(letter.Key))
				require.Equal(t, "not JSON", string(letter.Value))
			}
		}
		require.Len(t, reasons, 5)
		require.Contains(t, reasons[1], "unknown record version 99")
		require.Contains(t, reasons[2], "the run names shard 2, but those of job")
		require.Contains(t, reasons[3], `belongs in a queue of it, not of "`+cluster+`"`)
		require.Contains(t, reasons[4], "belongs under its run's ID")
	})
}

// TestUnknownEndOfAClaim loses the end of the first claim's transaction: the
// worker must start nothing of it, and take the run again.
func TestUnknownEndOfAClaim(t *testing.T) {
	inWorld(t, func(w *world) {
		var failed atomic.Bool
		w.broker.ControlKey(kmsg.EndTxn.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			if failed.Swap(true) {
				return nil, nil, false
			}
			resp := req.ResponseKind().(*kmsg.EndTxnResponse)
			resp.ErrorCode = kerr.ProducerFenced.Code
			return resp, nil, true
		})
		s := newScript()
		stop := w.start(s, nil)
		r := newRun("again", 0)
		w.stage(r)
		w.awaitEvent(run.EventFinished, r)
		stop()
		require.True(t, failed.Load(), "the fault did not land")
		require.Len(t, s.started, 1)
		require.Equal(t, 1, w.count(run.EventClaimed, r))
		require.Equal(t, 1, w.count(run.EventFinished, r))
	})
}

// TestAbortedClaim has the group say, in the middle of the first claim, that
// the worker is no member any more: the run is not its own, and comes again.
func TestAbortedClaim(t *testing.T) {
	inWorld(t, func(w *world) {
		var failed atomic.Bool
		w.broker.ControlKey(kmsg.TxnOffsetCommit.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
			if failed.Swap(true) {
				return nil, nil, false
			}
			resp := req.ResponseKind().(*kmsg.TxnOffsetCommitResponse)
			for _, rt := range req.(*kmsg.TxnOffsetCommitRequest).Topics {
				t := kmsg.NewTxnOffsetCommitResponseTopic()
				t.Topic, t.TopicID = rt.Topic, rt.TopicID
				for _, rp := range rt.Partitions {
					p := kmsg.NewTxnOffsetCommitResponseTopicPartition()
					p.Partition, p.ErrorCode = rp.Partition, kerr.IllegalGeneration.Code
					t.Partitions = append(t.Partitions, p)
				}
				resp.Topics = append(resp.Topics, t)
			}
			return resp, nil, true
		})
		s := newScript()
		stop := w.start(s, nil)
		r := newRun("again", 0)
		w.stage(r)
		w.awaitEvent(run.EventFinished, r)
		stop()
		require.True(t, failed.Load(), "the fault did not land")
		require.Len(t, s.started, 1)
		require.Equal(t, 1, w.count(run.EventClaimed, r))
	})
}

// TestSilentWorkerGivesBack keeps the worker from writing for so long that
// its claim may be placed anew: it must not start the run afterwards.
func TestSilentWorkerGivesBack(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript("long")
		stop := w.start(s, func(o *worker.Options) { o.Slots = 2 })
		long, held := newRun("long", 0), newRun("held", 7*time.Second)
		w.stage(long)
		<-s.started
		w.stage(held)
		w.awaitEvent(run.EventClaimed, held)

		heal := w.fault(kmsg.Produce.Int16())
		<-time.After(6 * time.Second)
		require.NotZero(t, heal(), "the fault did not land")
		require.Equal(t, run.ReasonOutOfTouch, w.awaitEvent(run.EventReturned, held).Reason)
		w.control(run.Control{Type: run.ControlCancel, Run: long.ID, Fence: long.Fence})
		w.awaitEvent(run.EventFinished, long)
		stop()
		require.Empty(t, s.started, "given back and started")
		require.Zero(t, w.count(run.EventStarting, held))
	})
}

func TestQueuesHaveSlotsOfTheirOwn(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript("long")
		stop := w.start(s, nil)
		long, second, retry := newRun("long", 0), newRun("second", 0), newRun("retry", 0)
		retry.Attempt = 2
		w.stage(long)
		<-s.started
		w.stage(second)
		w.awaitEvent(run.EventClaimed, second)
		w.stage(retry)
		w.awaitEvent(run.EventFinished, retry)
		require.Zero(t, w.count(run.EventStarting, second), "it took the retries' slot")

		// It waits for a slot that others have.
		w.control(run.Control{Type: run.ControlFree, Cluster: cluster, FreeSlots: 5})
		require.Equal(t, run.ReasonNoSlot, w.awaitEvent(run.EventReturned, second).Reason)
		stop()
	})
}

func TestWorkersShareAQueue(t *testing.T) {
	inWorld(t, func(w *world) {
		first, second := newScript(), newScript()
		stopFirst := w.start(first, nil)
		stopSecond := w.start(second, func(o *worker.Options) { o.Name = "w2" })
		var runs []run.Run
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
			r := newRun(name, 300*time.Millisecond)
			r.OnLost = job.LostRetry
			runs = append(runs, r)
			w.stage(r)
			if name == "d" {
				stopFirst()
			}
		}
		for _, r := range runs {
			w.await("the end of "+r.Job, func(events []run.Event, _ []member.Beat) bool {
				return slices.ContainsFunc(events, func(ev run.Event) bool {
					return ev.Key() == r.Key() && (ev.Type == run.EventFinished || ev.Type == run.EventReturned)
				})
			})
			require.LessOrEqual(t, w.count(run.EventStarting, r), 1)
		}
		stopSecond()
	})
}

func TestOfTwoUnderOneNameTheNewerStays(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript("long")
		quit, older := w.begin(s, nil)
		defer quit()
		long, held := newRun("long", 0), newRun("held", time.Hour)
		w.stage(long)
		<-s.started
		w.stage(held)
		w.awaitEvent(run.EventClaimed, held)

		stop := w.start(newScript(), nil)
		var newer int64
		w.await("a beat of the newer", func(_ []run.Event, beats []member.Beat) bool {
			newer = beats[len(beats)-1].Incarnation
			return newer > beats[0].Incarnation
		})
		w.control(run.Control{Type: run.ControlReplaced, Cluster: "cluster-c", Member: "w1", Incarnation: newer})
		w.control(run.Control{Type: run.ControlReplaced, Cluster: cluster, Member: "w2", Incarnation: newer})
		w.control(run.Control{Type: run.ControlReplaced, Cluster: cluster, Member: "w1", Incarnation: newer})
		require.ErrorIs(t, <-older, worker.ErrReplaced)
		require.Equal(t, run.ReasonNameTaken, w.awaitEvent(run.EventReturned, held).Reason)
		ended := w.awaitEvent(run.EventFinished, long)
		require.Equal(t, run.StateLost, ended.Outcome.State)
		require.Equal(t, run.ReasonNameTaken, ended.Outcome.Reason)

		next := newRun("next", 0)
		w.stage(next)
		require.Greater(t, w.awaitEvent(run.EventFinished, next).Incarnation, ended.Incarnation)
		stop()
	})
}

// TestAFencedWorkerWhoseNameIsTakenEnds: without any scheduler to say so, a
// worker learns that its name is taken when it can claim no more.
func TestAFencedWorkerWhoseNameIsTakenEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		quit, older := w.begin(newScript(), nil)
		defer quit()
		stop := w.start(newScript(), nil)
		ended := make(chan error, 1)
		go func() { ended <- <-older }()
		for i := 0; ; i++ {
			r := newRun(fmt.Sprint("run-", i), 0)
			w.stage(r)
			select {
			case err := <-ended:
				require.ErrorIs(t, err, worker.ErrReplaced)
				last := newRun("last", 0)
				w.stage(last)
				w.awaitEvent(run.EventFinished, last)
				stop()
				return
			case <-time.After(200 * time.Millisecond):
				require.Less(t, i, 150, "the older did not end")
			}
		}
	})
}

// TestALifeExceedsTheOneSchedulersKnow: of a life too long ago to be among the
// recent beats, schedulers have told.
func TestALifeExceedsTheOneSchedulersKnow(t *testing.T) {
	inWorld(t, func(w *world) {
		ahead := time.Now().Add(time.Hour).UnixNano()
		w.control(run.Control{Type: run.ControlReplaced, Cluster: cluster, Member: "w1", Incarnation: ahead})
		stop := w.start(newScript(), nil)
		w.await("a beat", func(_ []run.Event, beats []member.Beat) bool {
			return len(beats) > 0 && beats[0].Incarnation == ahead+1
		})
		stop()
	})
}

func TestALifeAfterTheClockWasSetBackCountsHigher(t *testing.T) {
	inWorld(t, func(w *world) {
		ahead := time.Now().Add(time.Hour).UnixNano()
		value, err := topic.EncodeBeat(member.Beat{ID: "w1", Role: member.RoleWorker, Incarnation: ahead, Seq: 7, Cluster: cluster})
		require.NoError(t, err)
		w.produce(w.names.Members(), "w1", value)
		stop := w.start(newScript(), nil)
		w.await("a beat", func(_ []run.Event, beats []member.Beat) bool {
			return beats[len(beats)-1].Incarnation == ahead+1
		})
		stop()
	})
}

// TestGroupWithoutMemory loses what the group has committed: a run that was
// claimed before is not executed again before its shard says that it counts.
func TestGroupWithoutMemory(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript()
		stop := w.start(s, nil)
		done := newRun("done", 0)
		w.stage(done)
		w.awaitEvent(run.EventFinished, done)
		<-s.started
		stop()

		w.mute.Store(true)
		group := w.names.Group(cluster, string(run.QueueRuns))
		responses, err := kadm.NewClient(w.cl).DeleteGroups(w.t.Context(), group)
		require.NoError(t, err)
		require.NoError(t, responses.Error())
		stop = w.start(s, nil)
		fresh := newRun("fresh", 0)
		w.stage(fresh)
		w.awaitEvent(run.EventFinished, fresh)
		require.False(t, w.awaitEvent(run.EventClaimed, fresh).Confirm, "it is new")
		require.Equal(t, run.ReasonUnconfirmed, w.awaitEvent(run.EventReturned, done).Reason)
		stop()
		require.Len(t, s.started, 1)
		require.Equal(t, 1, w.count(run.EventStarting, done))
	})
}

// TestOldRunsAreConfirmed stages a run that has waited for long: it starts when
// its shard says that it counts.
func TestOldRunsAreConfirmed(t *testing.T) {
	inWorld(t, func(w *world) {
		old := newRun("old", 0)
		old.StagedAt = old.StagedAt.Add(-2 * time.Minute)
		s := newScript()
		w.mute.Store(true)
		stop := w.start(s, nil)
		w.stage(old)
		require.True(t, w.awaitEvent(run.EventClaimed, old).Confirm)
		<-time.After(10 * time.Second)
		require.Empty(t, s.started)
		w.control(run.Control{Type: run.ControlConfirm, Run: old.ID, Fence: old.Fence, Member: "w1"})
		w.awaitEvent(run.EventFinished, old)
		stop()
	})
}

// TestUnreadControlStartsNothing keeps a worker from learning where control
// ends, and from nothing else: a recall might stand there.
func TestUnreadControlStartsNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript()
		stop := w.start(s, nil)
		r := newRun("held", 3*time.Second)
		w.stage(r)
		w.awaitEvent(run.EventClaimed, r)
		heal := w.fault(kmsg.ListOffsets.Int16())
		require.Equal(t, run.ReasonOutOfTouch, w.awaitEvent(run.EventReturned, r).Reason)
		w.await("a beat without partitions", func(_ []run.Event, beats []member.Beat) bool {
			last := beats[len(beats)-1]
			return len(last.Runs.Partitions) == 0
		})
		require.NotZero(t, heal(), "the fault did not land")
		next := newRun("next", 0)
		w.stage(next)
		w.awaitEvent(run.EventFinished, next)
		w.await("a beat with partitions", func(_ []run.Event, beats []member.Beat) bool {
			return len(beats[len(beats)-1].Runs.Partitions) > 0
		})
		stop()
		require.Len(t, s.started, 1)
	})
}
