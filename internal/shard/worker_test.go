package shard_test

import (
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// What workers do in the world, always within their rules: they start what
// they hold, when its time has come, unless it was asked back.

func (w *world) pick(t *rapid.T, fits func(*handout) bool) *handout {
	var fit []*handout
	for _, h := range w.handed {
		if fits(h) {
			fit = append(fit, h)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return fit[rapid.IntRange(0, len(fit)-1).Draw(t, "which")]
}

// alive reports whether the life of the worker that holds h goes on.
func (w *world) alive(h *handout) bool { return h.worker == "" || w.lives[h.worker] == h.life }

func (w *world) asked(h *handout) bool {
	return max(w.recalled[h.run.ID], w.cancels[h.run.ID]) >= h.run.Fence
}

func (w *world) say(t *rapid.T, h *handout, kind run.EventType, reason string, o *run.Outcome) {
	r := run.Logged{Offset: int64(len(w.log)), Event: run.Event{
		Type: kind, Job: h.run.Job, Run: h.run.ID, Cluster: h.run.Cluster, Due: h.run.Due, Attempt: h.run.Attempt,
		Fence: h.run.Fence, At: w.now, By: h.worker, Incarnation: h.life, Reason: reason, Outcome: o,
	}}
	if kind == run.EventClaimed {
		r.Event.Claim = h.number
	}
	w.log = append(w.log, r)
	w.inbox = append(w.inbox, shard.Reported(r))
	w.maybeStep(t)
}

func (w *world) claim(t *rapid.T) {
	worker := rapid.SampledFrom([]string{"w1", "w2"}).Draw(t, "worker")
	h := w.pick(t, func(h *handout) bool { return h.stage == run.StateQueued })
	if h == nil || w.lives[worker] < 0 {
		return
	}
	h.stage, h.worker, h.life = run.StateClaimed, worker, w.lives[worker]
	if worker == "w1" {
		w.numbers++
		h.number = w.numbers
	}
	w.say(t, h, run.EventClaimed, "", nil)
}

func (w *world) start(t *rapid.T) {
	h := w.pick(t, func(h *handout) bool {
		late := !h.run.Deadline.IsZero() && w.now.After(h.run.Deadline)
		return h.stage == run.StateClaimed && w.alive(h) && !w.asked(h) && !late && !w.now.Before(h.run.NotBefore)
	})
	if h == nil {
		return
	}
	h.stage = run.StateStarted
	w.ledger.start(h.run)
	if !w.ledger.setBack && w.overlap[h.run.Job] != "allow" {
		for _, other := range w.handed {
			require.False(w.t, other != h && other.run.Job == h.run.Job && other.stage == run.StateStarted && w.alive(other),
				"%s and %s of %s are started at once", h.run.Due, other.run.Due, h.run.Job)
		}
	}
	w.say(t, h, run.EventStarting, "", nil)
}

func (w *world) finish(t *rapid.T) {
	h := w.pick(t, func(h *handout) bool { return h.stage == run.StateStarted && w.alive(h) })
	if h == nil {
		return
	}
	h.stage = run.StateSucceeded
	state := rapid.SampledFrom([]run.State{run.StateSucceeded, run.StateFailed, run.StateTimedOut}).Draw(t, "outcome")
	w.say(t, h, run.EventFinished, "", &run.Outcome{State: state})
}

func (w *world) giveBack(t *rapid.T) {
	h := w.pick(t, func(h *handout) bool { return h.stage == run.StateClaimed && w.alive(h) })
	if h == nil {
		return
	}
	h.stage = run.StateSucceeded
	reason := rapid.SampledFrom([]string{run.ReasonNoSlot, run.ReasonDraining}).Draw(t, "reason")
	w.say(t, h, run.EventReturned, reason, nil)
}

func (w *world) drop(t *rapid.T) {
	h := w.pick(t, func(h *handout) bool {
		late := !h.run.Deadline.IsZero() && w.now.After(h.run.Deadline)
		return h.stage == run.StateClaimed && w.alive(h) && (late || w.asked(h))
	})
	if h == nil {
		return
	}
	h.stage = run.StateSucceeded
	reason := run.ReasonStartDeadline
	if w.asked(h) {
		reason = run.ReasonEdited
	}
	w.say(t, h, run.EventDropped, reason, nil)
}

// die ends the life of a worker, or begins its next.
func (w *world) die(t *rapid.T) {
	worker := rapid.SampledFrom([]string{"w1", "w2"}).Draw(t, "worker")
	life := -w.lives[worker]
	if life > 0 {
		life++
	}
	w.lives[worker] = life
}

// beat tells the shard what the beats say, after all that was reported.
func (w *world) beat(t *rapid.T) {
	w.step()
	var members []member.Member
	for _, id := range []string{"w1", "w2"} {
		m := member.Member{Status: member.StatusLive, Beat: member.Beat{
			ID: id, Role: member.RoleWorker, Incarnation: max(w.lives[id], -w.lives[id]), Cluster: "cluster-a",
			Seq: 100, Runs: member.Slots{Total: 2, Free: rapid.IntRange(0, 2).Draw(t, "free"), Partitions: []int32{0, 1}},
		}}
		if w.lives[id] < 0 {
			m.Status = rapid.SampledFrom([]member.Status{member.StatusSilent, member.StatusGone, member.StatusLeft}).Draw(t, "status")
		}
		var numbers []int64
		for _, h := range w.handed {
			if h.worker == id && w.alive(h) && (h.stage == run.StateClaimed || h.stage == run.StateStarted) {
				m.Held = append(m.Held, h.run.Key().String())
				numbers = append(numbers, h.number)
			}
		}
		if id == "w1" { // a release later than w2's
			m.Unlisted, m.Held = len(m.Held), nil
			m.Claims = run.Claims{Last: w.numbers, Held: run.Rows(numbers)}
		}
		members = append(members, m)
	}
	w.inbox = append(w.inbox, shard.Beats{Workers: members, Asked: w.now.Sub(midnight()), Now: w.now.Sub(midnight())})
	w.step()
}

const maxJitter = 20 * time.Second
