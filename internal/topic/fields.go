package topic

import (
	"math"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// The bound of every field of every record, by its JSON name. A job's
// definition is held only against what no definition has: what it may be,
// job.Validate says in words for people.

func (b *bounds) jobRecord(j *Job) {
	b.instant("applied_at", j.AppliedAt)
	b.text("applied_by", j.AppliedBy, maxWho)
	b.unknown(j.Unknown)
	b.definition(&j.Job)
}

func (b *bounds) definition(j *job.Job) {
	b.text("job.name", j.Name, job.MaxName)
	b.text("job.description", j.Description, job.MaxRecord)
	b.text("job.schedule", j.Schedule, job.MaxRecord)
	b.text("job.timezone", j.Timezone, job.MaxRecord)
	b.calendars("job.only_on", j.OnlyOn)
	b.calendars("job.except_on", j.ExceptOn)
	b.length("job.blackouts", len(j.Blackouts), maxBlackouts)
	for i := range j.Blackouts {
		b.blackout(&j.Blackouts[i])
	}
	b.text("job.cluster", j.Cluster, job.MaxCluster)
	b.command("job.command", j.Command)
	b.text("job.stdin", j.Stdin, job.MaxRecord)
	b.variables("job.env", j.Env)
	b.text("job.working_dir", j.WorkingDir, job.MaxRecord)
	b.text("job.user", j.User, job.MaxRecord)
	b.duration("job.timeout_ms", j.Timeout)
	b.number("job.retries", int64(j.Retries), -maxSmall, maxSmall)
	b.duration("job.retry_backoff.initial_ms", j.RetryBackoff.Initial)
	b.factor("job.retry_backoff.factor", j.RetryBackoff.Factor)
	b.duration("job.retry_backoff.max_ms", j.RetryBackoff.Max)
	b.factor("job.retry_backoff.jitter", j.RetryBackoff.Jitter)
	b.word("job.overlap", string(j.Overlap))
	b.word("job.catch_up.policy", string(j.CatchUp.Policy))
	b.duration("job.catch_up.window_ms", j.CatchUp.Window)
	b.number("job.max_unfinished", int64(j.MaxUnfinished), -maxSmall, maxSmall)
	b.duration("job.start_deadline_ms", j.StartDeadline)
	b.duration("job.jitter_ms", j.Jitter)
	b.word("job.on_lost", string(j.OnLost))
	b.word("job.on_announced", string(j.OnAnnounced))
	b.length("job.notify", len(j.Notify), maxNotify)
	for i := range j.Notify {
		b.notify(&j.Notify[i])
	}
	b.duration("job.expect_success_within_ms", j.ExpectSuccessWithin)
	b.word("job.done_by", j.DoneBy)
	b.variables("job.labels", j.Labels)
	b.text("job.source", j.Source, job.MaxRecord)
	b.unknown(j.Unknown)
}

func (b *bounds) calendars(field string, all []job.Calendar) {
	b.length(field, len(all), maxCalendars)
	for i := range all {
		c := &all[i]
		b.text("calendar.name", c.Name, maxWho)
		b.text("calendar.days", c.Days, job.MaxRecord)
		b.length("calendar.rules", len(c.Rules), maxRules)
		for _, r := range c.Rules {
			b.text("rule.rrule", r.RRule, job.MaxRecord)
			b.text("rule.from", r.From, maxWho)
			b.number("rule.length", int64(r.Length), -maxSmall, maxSmall)
			b.text("rule.except", r.Except, job.MaxRecord)
		}
	}
}

func (b *bounds) blackout(w *job.Blackout) {
	b.text("blackout.name", w.Name, maxWho)
	b.instant("blackout.from", w.From)
	b.instant("blackout.to", w.To)
	b.text("blackout.weekly", w.Weekly, maxText)
	b.text("blackout.timezone", w.Timezone, maxWho)
}

func (b *bounds) notify(n *job.Notify) {
	b.length("job.notify.when", len(n.When), maxNotify)
	for _, when := range n.When {
		b.word("job.notify.when", string(when))
	}
	b.targets("job.notify.to", n.To)
	b.duration("job.notify.every_ms", n.Every)
	b.duration("job.notify.late_after_ms", n.LateAfter)
	b.number("job.notify.in_a_row", int64(n.InARow), -maxSmall, maxSmall)
}

func (b *bounds) targets(field string, names []string) {
	b.length(field, len(names), maxTargets)
	for _, name := range names {
		b.word(field, name)
	}
}

func (b *bounds) command(field string, args []string) {
	b.length(field, len(args), job.MaxArgs)
	for _, arg := range args {
		b.text(field, arg, job.MaxRecord)
	}
}

func (b *bounds) run(r *run.Run) {
	b.id("run", string(r.ID))
	b.text("job", r.Job, job.MaxName)
	b.text("cluster", r.Cluster, job.MaxCluster)
	b.instant("due", r.Due)
	b.instant("not_before", r.NotBefore)
	b.instant("staged_at", r.StagedAt)
	b.instant("deadline", r.Deadline)
	b.small("attempt", r.Attempt)
	b.count("fence", r.Fence)
	b.word("trigger", string(r.Trigger))
	b.small("hops", r.Hops)
	b.partition("shard", r.Shard)
	b.command("command", r.Command)
	b.text("stdin", r.Stdin, job.MaxRecord)
	b.variables("env", r.Env)
	b.text("working_dir", r.WorkingDir, job.MaxRecord)
	b.text("user", r.User, job.MaxRecord)
	b.number("timeout_ms", int64(r.Timeout), 0, int64(job.MaxDuration))
	b.word("on_lost", string(r.OnLost))
	b.unknown(r.Unknown)
}

func (b *bounds) event(e *run.Event) {
	b.word("type", string(e.Type))
	b.text("job", e.Job, job.MaxName)
	b.id("run", string(e.Run))
	b.text("cluster", e.Cluster, job.MaxCluster)
	b.instant("due", e.Due)
	b.small("attempt", e.Attempt)
	b.count("fence", e.Fence)
	b.instant("at", e.At)
	b.text("by", e.By, maxWho)
	b.count("incarnation", e.Incarnation)
	b.count("beat", e.Beat)
	b.count("claim", e.Claim)
	b.word("trigger", string(e.Trigger))
	b.instant("not_before", e.NotBefore)
	b.small("hops", e.Hops)
	b.text("reason", e.Reason, maxReason)
	b.instant("through", e.Through)
	b.count("count", int64(e.Count))
	b.word("state", string(e.State))
	b.outcome(e.Outcome)
	b.word("version", e.Version)
	b.length("env_names", len(e.EnvNames), run.MaxOwnEnvNames)
	for _, name := range e.EnvNames {
		b.text("env_names", name, run.MaxOwnEnv)
	}
	b.text("backfill", e.Backfill, maxWho)
	if e.Progress != nil {
		b.progress(e.Progress)
	}
	b.text("asked_by", e.AskedBy, maxWho)
	b.count("step", e.Step)
	b.count("read", e.Read)
	b.unknown(e.Unknown)
}

// outcome holds also what no limit of a job bounds: a command may take the
// time of many processors for a year.
func (b *bounds) outcome(o *run.Outcome) {
	if o == nil {
		return
	}
	b.word("outcome.state", string(o.State))
	b.number("outcome.exit_code", int64(o.ExitCode), -maxExit, maxExit)
	b.word("outcome.signal", o.Signal)
	b.text("outcome.start_failure", o.StartFailure, maxText)
	b.text("outcome.reason", o.Reason, maxText)
	b.instant("outcome.started_at", o.StartedAt)
	b.instant("outcome.ended_at", o.EndedAt)
	b.count("outcome.cpu_ms", int64(o.CPUTime))
	b.count("outcome.peak_memory_bytes", o.PeakMemoryBytes)
	b.count("outcome.output_bytes", o.OutputBytes)
	b.count("outcome.output_cut_bytes", o.OutputCutBytes)
	b.text("outcome.tail", o.Tail, maxTail)
}

func (b *bounds) request(r *run.Request) {
	b.word("type", string(r.Type))
	b.text("id", r.ID, maxWho)
	b.text("job", r.Job, job.MaxName)
	b.instant("at", r.At)
	b.text("by", r.By, maxWho)
	b.id("run", string(r.Run))
	b.instant("due", r.Due)
	b.ownEnv("env", r.Env)
	if r.Definition != nil {
		b.definition(r.Definition)
	}
	b.instant("from", r.From)
	b.instant("to", r.To)
	b.ranges("ranges", r.Ranges)
	b.number("parallel", int64(r.Parallel), 0, run.MaxParallel)
	b.text("backfill", r.Backfill, maxWho)
	b.unknown(r.Unknown)
}

// ownEnv is for variables that one run has of its own.
func (b *bounds) ownEnv(field string, values map[string]string) {
	b.length(field, len(values), run.MaxOwnEnvNames)
	n := 0
	for name, value := range values {
		n += len(name) + len(value)
	}
	if n > run.MaxOwnEnv {
		b.fail("%s takes %d bytes; at most %d are read", field, n, run.MaxOwnEnv)
	}
}

func (b *bounds) ranges(field string, all []run.Range) {
	b.length(field, len(all), run.MaxRanges)
	for _, r := range all {
		b.instant(field+".from", r.From)
		b.instant(field+".to", r.To)
	}
}

func (b *bounds) progress(p *run.Progress) {
	b.text("progress.id", p.ID, maxWho)
	b.text("progress.by", p.By, maxWho)
	b.instant("progress.at", p.At)
	b.instant("progress.from", p.From)
	b.instant("progress.to", p.To)
	b.number("progress.parallel", int64(p.Parallel), 0, run.MaxParallel)
	b.word("progress.phase", string(p.Phase))
	b.instant("progress.through", p.Through)
	b.count("progress.begun", int64(p.Begun))
	b.count("progress.succeeded", int64(p.Succeeded))
	b.count("progress.failed", int64(p.Failed))
	b.count("progress.other", int64(p.Other))
}

func (b *bounds) notice(n *run.Notice) {
	b.word("type", string(n.Type))
	b.id("id", n.ID)
	b.text("job", n.Job, job.MaxName)
	b.text("cluster", n.Cluster, job.MaxCluster)
	b.instant("at", n.At)
	b.text("by", n.By, maxWho)
	b.word("when", string(n.When))
	b.id("incident", n.Incident)
	b.length("closes", len(n.Closes), maxNotify)
	for _, incident := range n.Closes {
		b.id("closes", incident)
	}
	b.targets("to", n.To)
	b.targets("resolve", n.Resolve)
	b.id("run", string(n.Run))
	b.instant("due", n.Due)
	b.word("trigger", string(n.Trigger))
	b.small("attempt", n.Attempt)
	b.word("state", string(n.State))
	b.text("reason", n.Reason, maxReason)
	b.outcome(n.Outcome)
	b.count("count", int64(n.Count))
	b.instant("since", n.Since)
	b.instant("until", n.Until)
	b.instant("expected", n.Expected)
	b.count("held", int64(n.Held))
	b.word("target", n.Target)
	b.small("attempts", n.Attempts)
	b.text("error", n.Error, maxText)
	b.unknown(n.Unknown)
}

func (b *bounds) control(c *run.Control) {
	b.word("type", string(c.Type))
	b.instant("at", c.At)
	b.text("reason", c.Reason, maxReason)
	b.id("run", string(c.Run))
	b.count("fence", c.Fence)
	b.text("cluster", c.Cluster, job.MaxCluster)
	b.count("free_slots", int64(c.FreeSlots))
	b.count("free_retry_slots", int64(c.FreeRetrySlots))
	b.text("member", c.Member, maxWho)
	b.count("incarnation", c.Incarnation)
	b.unknown(c.Unknown)
}

// deadLetter holds records as large as any: earlier releases kept the whole of
// what they could not read.
func (b *bounds) deadLetter(d *run.DeadLetter) {
	b.instant("at", d.At)
	b.text("by", d.By, maxWho)
	b.text("reason", d.Reason, maxText)
	if d.Run != nil {
		b.run(d.Run)
	}
	b.outcome(d.Outcome)
	b.text("topic", d.Topic, maxWho)
	b.partition("partition", d.Partition)
	b.count("offset", d.Offset)
	b.length("key", len(d.Key), MaxRecord)
	b.length("value", len(d.Value), MaxRecord)
	b.count("key_bytes", int64(d.KeyBytes))
	b.count("value_bytes", int64(d.ValueBytes))
	b.unknown(d.Unknown)
}

func (b *bounds) output(o *run.Output) {
	b.id("run", string(o.Run))
	b.small("attempt", o.Attempt)
	b.count("fence", o.Fence)
	b.count("seq", int64(o.Seq))
	b.instant("at", o.At)
	b.word("stream", o.Stream)
	b.length("data", len(o.Data), maxChunk)
	b.count("cut_bytes", o.CutBytes)
	b.unknown(o.Unknown)
}

func (b *bounds) beat(m *member.Beat) {
	b.text("id", m.ID, maxWho)
	b.word("role", string(m.Role))
	b.count("incarnation", m.Incarnation)
	b.number("seq", m.Seq, 0, math.MaxInt64) // the last beat of a scheduler has the last number
	b.instant("at", m.At)
	b.text("host", m.Host, maxWho)
	b.text("version", m.Version, maxWho)
	b.instant("started_at", m.StartedAt)
	b.word("zones", m.Zones)
	b.partitions("shards", m.Shards)
	b.text("cluster", m.Cluster, job.MaxCluster)
	b.slots("runs", m.Runs)
	b.slots("retries", m.Retries)
	b.keys("held", m.Held)
	b.keys("started", m.Started)
	b.count("unlisted", int64(m.Unlisted))
	b.claims(&m.Claims)
	b.length("closed", len(m.Closed), MaxListed)
	for _, c := range m.Closed {
		b.text("closed.cluster", c.Cluster, job.MaxCluster)
		b.word("closed.reason", c.Reason)
	}
	b.count("closed_more", int64(m.ClosedMore))
	b.unknown(m.Unknown)
}

func (b *bounds) slots(field string, s member.Slots) {
	b.count(field, int64(s.Total))
	b.count(field, int64(s.Free))
	b.partitions(field, s.Partitions)
}

func (b *bounds) keys(field string, keys []string) {
	b.length(field, len(keys), maxHeld)
	for _, key := range keys {
		b.plain(field, key, maxKey)
	}
}

func (b *bounds) claims(c *run.Claims) {
	b.count("claims.last", c.Last)
	b.rows("claims.held", c.Held)
	b.rows("claims.started", c.Started)
	b.count("claims.unlisted", int64(c.Unlisted))
}

// rows are searched as they stand, so they must be in order.
func (b *bounds) rows(field string, rows []run.Row) {
	b.length(field, len(rows), maxHeld)
	before := int64(0)
	for _, r := range rows {
		if r[0] <= before || r[1] < r[0] {
			b.fail("%s holds the row %v behind %d; rows ascend, and each has its first number and its last", field, r, before)
			return
		}
		b.count(field, r[1])
		before = r[1]
	}
}

func (b *bounds) shardRecord(r *ShardRecord) {
	b.partition("shard", r.Shard)
	b.count("jobs_offset", r.Jobs)
	b.count("commands_offset", r.Commands)
	b.count("events_offset", r.Events)
	b.count("replay_offset", r.Replay)
	b.length("aside", len(r.Aside), MaxListed)
	for _, a := range r.Aside {
		b.text("aside.job", a.Job, job.MaxName)
		b.word("aside.reason", a.Reason)
	}
	b.count("aside_more", int64(r.AsideMore))
	b.text("owner", r.Owner, maxWho)
	b.count("incarnation", r.Incarnation)
	b.instant("at", r.At)
	b.unknown(r.Unknown)
}

// state holds fences against half of what runs and events may have: a shard
// counts them up.
func (b *bounds) state(st *shard.JobState) {
	b.text("job", st.Job, job.MaxName)
	b.word("version", st.Version)
	b.instant("through", st.Through)
	b.number("fence", st.Fence, 0, maxCount/2)
	b.length("active", len(st.Active), maxActive)
	for i := range st.Active {
		b.active(&st.Active[i])
	}
	b.length("deferred", len(st.Deferred), maxActive)
	for i := range st.Deferred {
		d := &st.Deferred[i]
		b.id("deferred.run", string(d.ID))
		b.instant("deferred.due", d.Due)
		b.word("deferred.trigger", string(d.Trigger))
		b.own("deferred.own", d.Own)
	}
	b.length("recent", len(st.Recent), maxRecent)
	for i := range st.Recent {
		r := &st.Recent[i]
		b.id("recent.run", string(r.ID))
		b.instant("recent.due", r.Due)
		b.word("recent.state", string(r.State))
		b.small("recent.attempts", r.Attempts)
		b.instant("recent.ended_at", r.EndedAt)
	}
	b.length("backfills", len(st.Backfills), maxRecent)
	for i := range st.Backfills {
		b.progress(&st.Backfills[i].Progress)
		b.ranges("backfills.ranges", st.Backfills[i].Ranges)
	}
	b.length("seen", len(st.Seen), maxRequests)
	for i := range st.Seen {
		b.word("seen.id", st.Seen[i].ID)
		b.count("seen.at", st.Seen[i].At)
	}
	b.length("requests", len(st.Requests), maxRequests)
	for _, id := range st.Requests {
		b.text("requests", id, maxText)
	}
	b.count("step", st.Step)
	b.count("read", st.Read)
	b.unknown(st.Unknown)
}

func (b *bounds) active(a *shard.Active) {
	b.id("active.run", string(a.ID))
	b.instant("active.due", a.Due)
	b.instant("active.not_before", a.NotBefore)
	b.word("active.trigger", string(a.Trigger))
	b.small("active.attempt", a.Attempt)
	b.number("active.fence", a.Fence, 0, maxCount/2)
	b.small("active.hops", a.Hops)
	b.word("active.state", string(a.State))
	b.text("active.cluster", a.Cluster, job.MaxCluster)
	b.instant("active.staged", a.Staged)
	b.text("active.waits", a.Waits, maxReason)
	b.text("active.holder", a.Holder, maxWho)
	b.count("active.incarnation", a.Incarnation)
	b.count("active.beat", a.Beat)
	b.count("active.claim", a.Claim)
	b.text("active.recall", a.Recall, maxReason)
	b.text("active.cancel", a.Cancel, maxReason)
	b.text("active.backfill", a.Backfill, maxWho)
	b.own("active.own", a.Own)
}

func (b *bounds) own(field string, o *shard.Own) {
	if o == nil {
		return
	}
	b.ownEnv(field+".env", o.Env)
	if o.Definition != nil {
		b.definition(o.Definition)
	}
	b.word(field+".version", o.Version)
}
