package shard_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// firstFence is what fences are counted from in a trace.
func firstFence() int64 { return midnight().UnixMicro() }

// print writes what one step decided, in the order a person asks: what is
// run, what is said of it, what workers are told.
func (p *player) print(effects shard.Effects) {
	for _, q := range effects.Enqueue {
		p.printEnqueue(q)
	}
	for _, ev := range effects.Events {
		if ev.Type != run.EventEnqueued {
			p.printEvent(ev)
		}
	}
	for _, ev := range effects.Succeeded {
		p.say("succeeded %s", p.name(ev.Run))
	}
	for _, c := range effects.Control {
		whom := ""
		if c.Member != "" {
			whom = " to " + c.Member
		}
		p.say("tell      %s %s fence=%d (%s)%s", c.Type, p.name(c.Run), c.Fence-firstFence(), c.Reason, whom)
	}
	for _, d := range effects.Dead {
		what := string(d.Letter.Key)
		if d.Letter.Run != nil {
			what = p.name(d.Letter.Run.ID)
		}
		p.say("dead      %s %s (%s)", d.Cluster, what, d.Letter.Reason)
	}
	for _, name := range effects.Forget {
		p.say("forget    %s", name)
	}
}

func (p *player) printEnqueue(q shard.Enqueue) {
	r := q.Run
	if p.names[r.ID] == "" && r.Trigger == run.TriggerBackfill {
		p.names[r.ID] = r.Job + "~" + p.stamp(r.Due)
	}
	if p.names[r.ID] == "" {
		p.names[r.ID] = r.Job + "@" + p.stamp(r.Due)
	}
	to := "any"
	if q.Partition != shard.AnyPartition {
		to = fmt.Sprint(q.Partition)
	}
	var more []string
	if r.Trigger != run.TriggerSchedule {
		more = append(more, string(r.Trigger))
	}
	if !r.NotBefore.Equal(r.Due) {
		more = append(more, "not before "+p.stamp(r.NotBefore))
	}
	if !r.Deadline.IsZero() {
		more = append(more, "deadline "+p.stamp(r.Deadline))
	}
	if r.Hops > 0 {
		more = append(more, fmt.Sprintf("hops=%d", r.Hops))
	}
	if r.Command[0] != "true" {
		more = append(more, "command="+r.Command[0])
	}
	for _, name := range slices.Sorted(maps.Keys(r.Env)) {
		if value := r.Env[name]; value != "" && len(value) < 40 {
			more = append(more, name+"="+value)
		}
	}
	p.say("enqueue   %s attempt=%d fence=%d → %s.%s/%s %s", p.name(r.ID), r.Attempt, r.Fence-firstFence(),
		q.Queue, r.Cluster, to, strings.Join(more, ", "))
}

func (p *player) printEvent(ev run.Event) {
	var more string
	if b := ev.Progress; b != nil {
		if ev.Reason != "" {
			more = " (" + ev.Reason + ")"
		}
		p.say("backfill  %s of %s %s: %d begun, %d succeeded, %d failed, %d other%s",
			b.ID, ev.Job, b.Phase, b.Begun, b.Succeeded, b.Failed, b.Other, more)
		return
	}
	switch {
	case ev.Type == run.EventRetrying:
		more = fmt.Sprintf("attempt=%d %s, next at %s", ev.Attempt, ev.Outcome.State, p.stamp(ev.NotBefore))
	case ev.Type == run.EventEnded, ev.Type == run.EventLost:
		more = string(ev.State)
	case !ev.Through.IsZero():
		more = fmt.Sprintf("through %s, %d times", p.stamp(ev.Through), ev.Count)
	}
	if ev.Reason != "" {
		more += " (" + ev.Reason + ")"
	}
	what := ev.Job + "@" + p.stamp(ev.Due)
	if ev.Run != "" && p.names[ev.Run] != "" {
		what = p.names[ev.Run]
	} else if ev.Run != "" && ev.Run == run.NewID(ev.Job, ev.Due, "") {
		p.names[ev.Run] = what
	}
	p.say("%-9s %s %s", ev.Type, what, strings.TrimSpace(more))
}

// printState writes what the shard keeps of a job.
func (p *player) printState(name string) {
	st, ok := p.core.State(name)
	if !ok {
		p.say("no state of %s", name)
		return
	}
	p.say("%s: through %s, fence %d, paused %v", name, p.stamp(st.Through), st.Fence-firstFence(), st.Paused)
	for _, a := range st.Active {
		more := ""
		if a.Holder != "" {
			more += " by " + a.Holder
		}
		if a.Recall != "" {
			more += " recalled (" + a.Recall + ")"
		}
		if a.Cancel != "" {
			more += " cancelled (" + a.Cancel + ")"
		}
		p.say("  active   %s attempt=%d %s%s", p.name(a.ID), a.Attempt, a.State, more)
	}
	for _, d := range st.Deferred {
		p.say("  deferred %s", p.name(d.ID))
	}
	for _, b := range st.Backfills {
		p.say("  backfill %s %s through %s, %d begun", b.Progress.ID, b.Progress.Phase, p.stamp(b.Progress.Through), b.Progress.Begun)
	}
	for _, r := range st.Recent {
		p.say("  recent   %s %s", p.name(r.ID), r.State)
	}
}

func (p *player) name(id run.ID) string {
	if name := p.names[id]; name != "" {
		return name
	}
	return string(id)
}

func (p *player) say(format string, args ...any) {
	line := fmt.Sprintf("%s %s", p.stamp(p.now), fmt.Sprintf(format, args...))
	fmt.Fprintln(&p.trace, strings.TrimRight(line, " "))
}

// stamp writes 00:10:05, 1d+00:10:05 on another day, with the fraction of a
// second where there is one.
func (p *player) stamp(t time.Time) string {
	since := t.UTC().Sub(midnight())
	days := 0
	for since >= 24*time.Hour {
		days++
		since -= 24 * time.Hour
	}
	s := t.UTC().Format("15:04:05.999")
	if days > 0 {
		s = fmt.Sprintf("%dd+%s", days, s)
	}
	return s
}
