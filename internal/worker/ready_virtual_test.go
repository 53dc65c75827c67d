//go:build synctests

package worker_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/claim"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/worker"
)

// observed starts a worker and returns what waits until one of the codes is
// why it is not ready, or until it is, if none is given.
func (w *world) observed(s *script) (await func(codes ...ready.Code), stop func()) {
	w.t.Helper()
	facts := make(chan func() ready.Worker, 1)
	stop = w.start(s, func(o *worker.Options) { o.Observe = func(f func() ready.Worker) { facts <- f } })
	ask := <-facts
	return func(codes ...ready.Code) {
		w.t.Helper()
		limit := time.After(patience)
		for {
			reasons := ask().Reasons(time.Now())
			if len(codes) == 0 && len(reasons) == 0 ||
				slices.ContainsFunc(reasons, func(r ready.Reason) bool { return slices.Contains(codes, r.Code) }) {
				return
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-limit:
				require.Fail(w.t, "waited in vain", "for %v, not %+v", codes, reasons)
			}
		}
	}, stop
}

// TestNotReadyWhileRunsDoNotStart: a worker holds a run that it may not start,
// since nobody says that it still counts.
func TestNotReadyWhileRunsDoNotStart(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript()
		await, stop := w.observed(s)
		await()
		w.mute.Store(true)
		r := newRun("held", 0)
		r.StagedAt = r.StagedAt.Add(-2 * claim.ConfirmAfter)
		w.stage(r)
		await(ready.RunsOverdue)
		w.control(run.Control{Type: run.ControlConfirm, Run: r.ID, Fence: r.Fence, Member: "w1"})
		w.awaitEvent(run.EventFinished, r)
		await()
		stop()
	})
}

// TestABeatStandsInForTheEvent: while events do not take what workers write, a
// run starts all the same, once most lanes have a beat that announces it. What
// happened comes to events in its order.
func TestABeatStandsInForTheEvent(t *testing.T) {
	inWorld(t, func(w *world) {
		heal := w.refuseEvents()
		s := newScript()
		await, stop := w.observed(s)
		await()
		r := newRun("announced", time.Second)
		w.stage(r)
		began := <-s.started
		require.Less(t, began.at.Sub(r.NotBefore), 100*time.Millisecond)
		w.await("a beat that announces it", func(_ []run.Event, beats []member.Beat) bool {
			return slices.ContainsFunc(beats, func(b member.Beat) bool { return b.Claims.Announces(1) && b.Lanes == 1 })
		})
		require.Zero(t, w.count(run.EventStarting, r)+w.count(run.EventFinished, r))
		heal()
		w.awaitEvent(run.EventFinished, r)
		require.Equal(t, 1, w.count(run.EventStarting, r), "before it")
		await()
		stop()
	})
}

// TestAnyLaneWillDo: with one lane of three, runs start on their time, though
// events take nothing. The beats say how many lanes there are.
func TestAnyLaneWillDo(t *testing.T) {
	inWorldOf(t, 3, func(w *world) {
		s := newScript()
		await, stop := w.observed(s)
		await()
		heal := w.refuseEvents()
		members := w.broker.TopicInfo(w.names.Members())
		var healed atomic.Bool
		w.broker.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
			w.broker.KeepControl()
			req := request.(*kmsg.ProduceRequest)
			ofMembers := req.Topics[0].Topic == members.Topic || req.Topics[0].TopicID == members.TopicID
			if ofMembers && req.Topics[0].Partitions[0].Partition != 1 && !healed.Load() {
				return nil, errors.New("cut"), true
			}
			return nil, nil, false
		})
		r := newRun("announced", 20*time.Second)
		w.stage(r)
		began := <-s.started
		require.Less(t, began.at.Sub(r.NotBefore), 100*time.Millisecond)
		heal()
		healed.Store(true)
		w.awaitEvent(run.EventFinished, r)
		w.await("beats in three lanes", func(_ []run.Event, beats []member.Beat) bool {
			return beats[len(beats)-1].Lanes == topic.DefaultLanes
		})
		stop()
	})
}

// refuseEvents has the broker refuse what is written to events outside of
// transactions, until it is healed.
func (w *world) refuseEvents() (heal func()) {
	var healed atomic.Bool
	events := w.broker.TopicInfo(w.names.Events())
	w.broker.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		w.broker.KeepControl()
		req := request.(*kmsg.ProduceRequest)
		ofEvents := req.Topics[0].Topic == events.Topic || req.Topics[0].TopicID == events.TopicID
		if healed.Load() || req.TransactionID != nil || !ofEvents {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ProduceResponse)
		for _, t := range req.Topics {
			refused := kmsg.NewProduceResponseTopic()
			refused.Topic, refused.TopicID = t.Topic, t.TopicID
			for _, p := range t.Partitions {
				answer := kmsg.NewProduceResponseTopicPartition()
				answer.Partition, answer.ErrorCode = p.Partition, kerr.KafkaStorageError.Code
				refused.Partitions = append(refused.Partitions, answer)
			}
			resp.Topics = append(resp.Topics, refused)
		}
		return resp, nil, true
	})
	return func() { healed.Store(true) }
}

// TestNotReadyWhileClaimsFail: a worker that cannot end a claim says so.
func TestNotReadyWhileClaimsFail(t *testing.T) {
	inWorld(t, func(w *world) {
		s := newScript()
		await, stop := w.observed(s)
		await()
		heal := w.fault(kmsg.EndTxn.Int16())
		r := newRun("unclaimed", 0)
		w.stage(r)
		await(ready.ClaimsFailing, ready.ClaimStuck)
		require.Positive(t, heal())
		w.awaitEvent(run.EventFinished, r)
		await()
		stop()
	})
}
