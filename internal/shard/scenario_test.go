package shard_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// TestScenarios plays testdata/*.txt against one shard, and prints what it
// decides and when. Rewrite the traces with -rewrite.
//
// A clock begins at 00:00:00 of day 0 and moves by `at` (the shard wakes
// whenever it asks to) and `jump` (nothing happens in between: a clock that
// was set, or nobody deciding). A scheduled run is named job@due, one that
// somebody asked for job!request, one of a backfill job~due.
//
//	shard [lead=5s]                      a new shard, nothing known
//	job NAME [field=value …]             a definition; its schedule is the input;
//	                                     only=, except=NAME:DAYS and
//	                                     blackout=NAME:WEEKLY, blanks as _
//	delete NAME | garbled NAME           a tombstone, an unreadable definition
//	run|pause|resume JOB id=ID           requests; also cancel RUN, requeue RUN,
//	                                     discard RUN, replay RUN [command=], run
//	                                     JOB env=NAME:VALUE
//	backfill JOB id=ID from= to=         [parallel= only-missed ranges=FROM..TO,…]
//	backfill_pause JOB id=ID of=ID       also _resume and _cancel
//	claim|start|finish|return|drop RUN   reports [by= fence= beat= number= state= reason=];
//	                                     claimed first, unless `unclaimed`
//	beats                                what the beats say, a worker each line
//	aside JOB [reason=]                  its records can never be committed
//	close|open CLUSTER                   nothing can be written to its queues
//	asleep TIME | once TIME              nobody decides until then; one step
//	takeover [compacted]                 built anew from what was committed
//	state JOB | wake                     asked for, printed
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			var p *player
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				if d.Cmd == "shard" {
					p = newPlayer(t, d)
					return "ok\n"
				}
				require.NotNil(t, p, "a scenario begins with `shard`")
				p.t, p.d = t, d
				p.trace.Reset()
				p.play()
				if p.trace.Len() == 0 {
					return "nothing\n"
				}
				return brief(d, p.trace.String())
			})
		})
	}
}

// brief keeps of a long trace how it begins and ends, where `brief` is asked.
func brief(d *datadriven.TestData, trace string) string {
	const ends = 2
	lines := slices.Collect(strings.Lines(trace))
	if !d.HasArg("brief") || len(lines) <= 2*ends {
		return trace
	}
	return strings.Join(lines[:ends], "") + fmt.Sprintf("… %d more …\n", len(lines)-2*ends) +
		strings.Join(lines[len(lines)-ends:], "")
}

// player is a scheduler without hands: what it is told to commit is in states,
// what it is told to enqueue in queue.
type player struct {
	t      *testing.T
	d      *datadriven.TestData
	cfg    shard.Config
	core   *shard.Shard
	now    time.Time
	names  map[run.ID]string
	queue  map[run.ID]run.Run
	jobs   []shard.JobChanged
	states map[string]shard.JobState
	// log is the events topic, read how far the shard record says it was read,
	// from where it says a new owner replays from.
	log        []run.Logged
	read, from int64
	trace      strings.Builder
}

func midnight() time.Time { return time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC) }

func newPlayer(t *testing.T, d *datadriven.TestData) *player {
	p := &player{
		t: t, d: d, now: midnight(), cfg: shard.Config{Shard: 3, By: "s1", Lead: 5 * time.Second},
		names: map[run.ID]string{}, queue: map[run.ID]run.Run{}, states: map[string]shard.JobState{},
	}
	if d.HasArg("lead") {
		p.cfg.Lead = duration(t, p.arg("lead", ""))
	}
	p.core = shard.New(p.cfg, nil)
	p.core.Step([]shard.Input{shard.JobsLoaded{}}, p.now)
	return p
}

func (p *player) play() {
	switch p.d.Cmd {
	case "at":
		p.advance(p.clock(p.subject()))
	case "asleep": // nobody decides
		p.now = p.clock(p.subject())
	case "once": // a single step
		p.now = p.clock(p.subject())
		p.step()
	case "jump":
		p.now = p.clock(p.subject())
		p.settle()
	case "job":
		p.define()
	case "delete":
		p.change(shard.JobChanged{Name: p.subject()})
	case "garbled":
		p.step(shard.Unreadable{Job: p.subject(), Letter: run.DeadLetter{At: p.now, Reason: "garbled"}})
	case "aside":
		p.step(shard.SetAside{Job: p.subject(), Reason: p.arg("reason", run.ReasonOversized)})
	case "close":
		p.step(shard.ClusterClosed{Cluster: p.subject(), Reason: run.ReasonNotAuthorized})
		p.settle()
	case "open":
		p.step(shard.ClusterClosed{Cluster: p.subject()})
		p.settle()
	case "run", "pause", "resume", "cancel", "requeue", "replay", "discard",
		"backfill", "backfill_pause", "backfill_resume", "backfill_cancel":
		p.request()
	case "claim", "start", "finish", "return", "drop":
		p.report()
	case "beats":
		p.beats()
	case "takeover":
		p.takeOver()
	case "state":
		p.printState(p.subject())
	case "wake":
		if wake, ok := p.core.Wake(); ok {
			p.say("wakes at %s", p.stamp(wake))
		}
	default:
		p.d.Fatalf(p.t, "unknown command %s", p.d.Cmd)
	}
}

// advance lets time pass as the shell does.
func (p *player) advance(to time.Time) {
	require.False(p.t, to.Before(p.now), "time passes forward; use jump")
	for {
		wake, ok := p.core.Wake()
		if !ok || wake.After(to) {
			break
		}
		if wake.After(p.now) {
			p.now = wake
		}
		p.settle()
	}
	p.now = to
	p.step()
}

// settle steps until the shard has nothing more to decide now.
func (p *player) settle() {
	for range 1000 {
		p.step()
		if wake, ok := p.core.Wake(); !ok || wake.After(p.now) {
			return
		}
	}
	require.Fail(p.t, "the shard does not come to rest")
}

func (p *player) step(inputs ...shard.Input) {
	read := int64(len(p.log))
	effects := p.core.Step(append(inputs, shard.EventsRead{Next: read}), p.now)
	if !effects.Positioned() {
		p.read, p.from = read, p.core.ReplayFrom()
	}
	for _, ev := range effects.Events {
		p.log = append(p.log, run.Logged{Event: ev, Offset: int64(len(p.log))})
	}
	for _, st := range effects.States {
		p.states[st.Job] = st
	}
	for _, name := range effects.Forget {
		delete(p.states, name)
	}
	for _, q := range effects.Enqueue {
		p.queue[q.Run.ID] = q.Run
	}
	p.print(effects)
}

// define reads "backup overlap=skip retries=2 catch-up=all window=1h" and the
// schedule from the input.
func (p *player) define() {
	j := job.Default()
	j.Name, j.Cluster, j.Command = p.subject(), p.arg("cluster", "cluster-a"), []string{p.arg("command", "true")}
	j.Schedule = strings.TrimSpace(p.d.Input)
	j.Seconds = len(strings.Fields(j.Schedule)) == 6
	j.Overlap = job.Overlap(p.arg("overlap", "allow"))
	j.CatchUp.Policy = job.CatchUpPolicy(p.arg("catch-up", "last"))
	j.CatchUp.Window = duration(p.t, p.arg("window", "1h"))
	j.OnLost = job.OnLost(p.arg("on-lost", ""))
	j.OnAnnounced = job.OnLost(p.arg("on-announced", ""))
	j.Jitter = duration(p.t, p.arg("jitter", "0s"))
	j.StartDeadline = duration(p.t, p.arg("deadline", "0s"))
	j.RetryBackoff.Jitter = 0
	p.d.MaybeScanArgs(p.t, "max", &j.MaxUnfinished)
	j.Paused = p.d.HasArg("paused")
	j.OnlyOn, j.ExceptOn = p.calendar("only"), p.calendar("except")
	if name, weekly, ok := strings.Cut(p.arg("blackout", ""), ":"); ok {
		j.Blackouts = []job.Blackout{{Name: name, Weekly: strings.ReplaceAll(weekly, "_", " ")}}
	}
	if p.d.HasArg("retries") {
		p.d.ScanArgs(p.t, "retries", &j.Retries)
	}
	j = j.WithDefaults()
	p.change(shard.JobChanged{Name: j.Name, Job: &j, AppliedAt: p.now.Add(-duration(p.t, p.arg("applied", "0s")))})
}

func (p *player) calendar(arg string) []job.Calendar {
	name, days, ok := strings.Cut(p.arg(arg, ""), ":")
	if !ok {
		return nil
	}
	return []job.Calendar{{Name: name, Days: strings.ReplaceAll(days, "_", " ")}}
}

// change appends to the jobs topic; with `unseen` nobody reads it yet.
func (p *player) change(in shard.JobChanged) {
	in.Replayed = !p.d.HasArg("unseen")
	p.jobs = append(p.jobs, in)
	if in.Replayed {
		in.Replayed = false
		p.step(in)
		p.settle()
	}
}

func (p *player) request() {
	ahead, err := time.ParseDuration(p.arg("ahead", "0s")) // of the asking host's clock
	require.NoError(p.t, err)
	req := run.Request{Type: run.RequestType(p.d.Cmd), ID: p.arg("id", p.d.Pos), At: p.now.Add(ahead)}
	req.Job, _, _ = strings.Cut(p.subject(), "@")
	req.Job, _, _ = strings.Cut(req.Job, "!")
	switch req.Type {
	case run.RequestRun:
		p.names[run.NewID(req.Job, req.At, req.ID)] = req.Job + "!" + req.ID
		if name, value, ok := strings.Cut(p.arg("env", ""), ":"); ok {
			req.Env = map[string]string{name: value}
		}
	case run.RequestCancel:
		req.Run = p.runID(p.subject())
	case run.RequestDiscard:
		req.Run, req.By = p.runID(p.subject()), "ops"
	case run.RequestReplay:
		p.replay(&req)
	case run.RequestBackfill:
		p.backfill(&req)
	case run.RequestBackfillPause, run.RequestBackfillResume, run.RequestBackfillCancel:
		req.Backfill = p.arg("of", "")
	case run.RequestRequeue:
		req.Run = p.runID(p.subject())
		_, due, _ := strings.Cut(p.subject(), "@")
		req.Due = p.clock(due)
		p.names[run.NewID(req.Job, req.Due, req.ID)] = req.Job + "!" + req.ID
	case run.RequestPause, run.RequestResume:
	}
	defer p.settle()
	p.step(shard.Requested{Request: req})
}

// replay asks for a run as its job was, which is all that the request says.
func (p *player) replay(req *run.Request) {
	_, due, _ := strings.Cut(p.subject(), "@")
	req.Run, req.Due = p.runID(p.subject()), p.clock(due)
	p.names[run.NewID(req.Job, req.Due, req.ID)] = req.Job + "!" + req.ID
	if p.d.HasArg("without") {
		return
	}
	j := job.Default()
	j.Name, j.Cluster, j.Command = p.arg("of", req.Job), "cluster-a", []string{p.arg("command", "then")}
	j.Env = map[string]string{"THEN": "1", "BIG": strings.Repeat("x", p.number("big"))}
	j.RetryBackoff.Jitter, j.Retries = 0, p.number("retries")
	j = j.WithDefaults()
	req.Definition = &j
}

func (p *player) backfill(req *run.Request) {
	req.From, req.To, req.By = p.clock(p.arg("from", "00:00")), p.clock(p.arg("to", "00:00")), "ops"
	req.Parallel, req.OnlyMissed = p.number("parallel"), p.d.HasArg("only-missed")
	for part := range strings.SplitSeq(p.arg("ranges", ""), ",") {
		if from, to, ok := strings.Cut(part, ".."); ok {
			req.Ranges = append(req.Ranges, run.Range{From: p.clock(from), To: p.clock(to)})
		}
	}
}

func (p *player) number(name string) (n int) {
	p.d.MaybeScanArgs(p.t, name, &n)
	return n
}

// report speaks of the latest handing-out of the run, unless fence says
// otherwise, for the worker w1 in its first life.
func (p *player) report() {
	r, ok := p.queue[p.runID(p.subject())]
	require.True(p.t, ok, "%s was never enqueued", p.subject())
	ev := run.Event{
		Type: map[string]run.EventType{
			"claim": run.EventClaimed, "start": run.EventStarting, "finish": run.EventFinished,
			"return": run.EventReturned, "drop": run.EventDropped,
		}[p.d.Cmd],
		Job: r.Job, Run: r.ID, Cluster: r.Cluster, Due: r.Due, Attempt: r.Attempt, Fence: r.Fence,
		At: p.now, By: p.arg("by", "w1"), Incarnation: 1, Reason: p.arg("reason", ""),
	}
	if p.d.HasArg("fence") {
		var n int64
		p.d.ScanArgs(p.t, "fence", &n)
		ev.Fence = firstFence() + n
	}
	p.d.MaybeScanArgs(p.t, "beat", &ev.Beat)
	p.d.MaybeScanArgs(p.t, "life", &ev.Incarnation)
	p.d.MaybeScanArgs(p.t, "number", &ev.Claim)
	ev.Confirm = p.d.HasArg("confirm")
	if ev.Type == run.EventFinished && !p.d.HasArg("mute") {
		ev.Outcome = &run.Outcome{State: run.State(p.arg("state", "succeeded"))}
	}
	if st, _ := p.core.State(r.Job); ev.Type != run.EventClaimed && !p.d.HasArg("unclaimed") {
		queued := slices.ContainsFunc(st.Active, func(a shard.Active) bool {
			return a.ID == r.ID && a.Fence == ev.Fence && a.State == run.StateQueued
		})
		if queued {
			claim := ev
			claim.Type, claim.Outcome, claim.Reason = run.EventClaimed, nil, ""
			p.tell(claim)
		}
	}
	p.tell(ev)
	p.settle()
}

func (p *player) tell(ev run.Event) {
	p.log = append(p.log, run.Logged{Event: ev, Offset: int64(len(p.log))})
	p.step(shard.Reported(p.log[len(p.log)-1]))
}

// beats reads "w1 live seq=9 life=1 free=2 partitions=0,1 holds=a@00:10", and
// "last=7 numbers=1-3,7-7" of a worker that numbers its claims.
func (p *player) beats() {
	var members []member.Member
	for line := range strings.Lines(p.d.Input) {
		fields := strings.Fields(line)
		require.GreaterOrEqual(p.t, len(fields), 2, "a worker has a name and a status")
		m := member.Member{Status: member.Status(fields[1]), Beat: member.Beat{
			ID: fields[0], Role: member.RoleWorker, Incarnation: 1, Cluster: "cluster-a",
		}}
		for _, f := range fields[2:] {
			p.beatField(&m, f)
		}
		members = append(members, m)
	}
	times := 1
	p.d.MaybeScanArgs(p.t, "times", &times)
	for range times {
		p.step(shard.Beats{Workers: members, Asked: p.now.Sub(midnight()), Now: p.now.Sub(midnight())})
	}
}

func (p *player) beatField(m *member.Member, field string) {
	name, value, _ := strings.Cut(field, "=")
	switch name {
	case "seq":
		p.scan(value, &m.Seq)
	case "unlisted":
		p.scan(value, &m.Unlisted)
	case "last":
		p.scan(value, &m.Claims.Last)
	case "more":
		p.scan(value, &m.Claims.Unlisted)
	case "numbers":
		for row := range strings.SplitSeq(value, ",") {
			var r run.Row
			_, err := fmt.Sscanf(row, "%d-%d", &r[0], &r[1])
			require.NoError(p.t, err, row)
			m.Claims.Held = append(m.Claims.Held, r)
		}
	case "at":
		m.At = p.clock(value)
	case "life":
		p.scan(value, &m.Incarnation)
	case "free":
		p.scan(value, &m.Runs.Free)
	case "partitions":
		for part := range strings.SplitSeq(value, ",") {
			var n int32
			p.scan(part, &n)
			m.Runs.Partitions = append(m.Runs.Partitions, n)
			m.Retries.Partitions = append(m.Retries.Partitions, n)
		}
	case "holds":
		for name := range strings.SplitSeq(value, ",") {
			r := p.queue[p.runID(name)]
			m.Held = append(m.Held, r.Key().String())
		}
	default:
		p.d.Fatalf(p.t, "unknown field of a beat: %s", name)
	}
}

// takeOver builds the shard anew from the topics: all definitions, or only
// the last of each job where the topic was compacted.
func (p *player) takeOver() {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range p.states {
			if !yield(name) {
				return
			}
		}
	})
	var states []shard.JobState
	for _, name := range names {
		value, err := topic.EncodeState(p.states[name])
		require.NoError(p.t, err)
		st, err := topic.DecodeState(value)
		require.NoError(p.t, err)
		st.V = 0
		require.Empty(p.t, cmp.Diff(p.states[name], st, cmpopts.EquateEmpty()), "the state of %s does not survive its codec", name)
		states = append(states, st)
	}
	p.requireReplay(states)
	p.core = shard.New(p.cfg, states)
	for _, r := range p.log[p.from:] {
		p.core.Replay(r)
	}
	unread := p.core.EndReplay(p.read, p.from)
	var inputs []shard.Input
	for i := range p.jobs {
		later := slices.ContainsFunc(p.jobs[i+1:], func(c shard.JobChanged) bool { return c.Name == p.jobs[i].Name })
		gone := p.jobs[i].Job == nil && p.d.HasArg("compacted")
		if !gone && !(later && p.d.HasArg("compacted")) {
			inputs = append(inputs, p.jobs[i])
		}
		p.jobs[i].Replayed = true
	}
	// The shell gives the definitions in several steps.
	for _, in := range inputs {
		p.step(in)
	}
	p.step(shard.JobsLoaded{})
	for _, r := range p.log[unread:] {
		p.step(shard.Reported(r))
	}
	p.settle()
}

// requireReplay fails unless the log makes of the states what the shard knows.
func (p *player) requireReplay(states []shard.JobState) {
	next := shard.New(p.cfg, nil)
	for _, st := range states {
		next.Restore(clone(st))
	}
	for _, r := range p.log[p.from:] {
		next.Replay(r)
	}
	next.EndReplay(int64(len(p.log)), p.from)
	for _, st := range states {
		requireSame(p.t, p.core, next, st.Job)
	}
}

func (p *player) subject() string {
	require.NotEmpty(p.t, p.d.CmdArgs, "%s of what?", p.d.Cmd)
	return p.d.CmdArgs[0].Key
}

func (p *player) arg(name, otherwise string) string {
	if p.d.HasArg(name) {
		p.d.ScanArgs(p.t, name, &otherwise)
	}
	return otherwise
}

func (p *player) scan(value string, into any) {
	_, err := fmt.Sscan(value, into)
	require.NoError(p.t, err, value)
}

// runID reads backup@00:10 or a name given before, as backup!r1.
func (p *player) runID(name string) run.ID {
	if jobName, due, ok := strings.Cut(name, "~"); ok {
		name = jobName + "~" + p.stamp(p.clock(due))
	}
	for id, known := range p.names {
		if known == name {
			return id
		}
	}
	jobName, due, ok := strings.Cut(name, "@")
	require.True(p.t, ok, "no run is known as %s", name)
	return run.NewID(jobName, p.clock(due), "")
}

// clock reads 00:10, 00:10:05 or 1d+00:10, as times are printed.
func (p *player) clock(s string) time.Time {
	days, rest, ok := strings.Cut(s, "d+")
	n := 0
	if ok {
		p.scan(days, &n)
	} else {
		rest = s
	}
	if strings.Count(rest, ":") == 1 {
		rest += ":00"
	}
	at, err := time.Parse("15:04:05", rest)
	require.NoError(p.t, err)
	return midnight().AddDate(0, 0, n).Add(at.Sub(at.Truncate(24 * time.Hour)))
}

func duration(t *testing.T, s string) time.Duration {
	d, err := time.ParseDuration(s)
	require.NoError(t, err)
	return d
}
