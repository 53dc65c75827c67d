package sim

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// definition is the record of a job.
type definition struct {
	job job.Job
	at  time.Time
}

// people define jobs, and change their minds.
type people struct {
	w       *world
	names   []string
	jobs    map[string]job.Job
	there   map[string]bool
	lengths map[string]time.Duration
	asked   int
	widest  time.Duration // how far clocks may differ
}

func newPeople(w *world) *people {
	p := &people{w: w, jobs: map[string]job.Job{}, there: map[string]bool{}, lengths: map[string]time.Duration{}, widest: w.cfg.Clocks}
	for i := range w.cfg.Jobs {
		name := fmt.Sprintf("job-%d", i+1)
		p.names = append(p.names, name)
		p.jobs[name] = p.invent(name)
		w.after(w.upTo(3*time.Second), func() { p.apply(name) })
	}
	if w.cfg.ChangeEvery > 0 {
		w.after(10*time.Second, p.change)
	}
	return p
}

func pick[T any](w *world, of ...T) T { return of[w.rng.IntN(len(of))] }

// invent draws a job.
func (p *people) invent(name string) job.Job {
	w := p.w
	j := job.Default()
	j.Name, j.Command = name, []string{"true"}
	j.Cluster = pick(w, w.clusters()...)
	p.draw(&j)
	j.Overlap = pick(w, job.OverlapAllow, job.OverlapSkip, job.OverlapQueue, job.OverlapReplace)
	j.Retries = pick(w, 0, 0, 1, 2, 3)
	j.RetryBackoff = job.Backoff{Initial: pick(w, 2*time.Second, 5*time.Second), Factor: 2, Max: 15 * time.Second, Jitter: 0.2}
	j.OnLost = pick(w, job.LostRetry, job.LostFail)
	j.CatchUp.Policy = pick(w, job.CatchUpNone, job.CatchUpLast, job.CatchUpAll)
	j.CatchUp.Window = time.Hour
	j.StartDeadline = pick(w, 0, 0, 5*time.Second, 30*time.Second)
	j.Jitter = pick(w, 0, 0, 0, 3*time.Second, 12*time.Second)
	j.Timeout = pick(w, 0, 0, 3*time.Second, 10*time.Second)
	p.lengths[name] = pick(w, time.Second, time.Second, time.Second, 5*time.Second, 20*time.Second)
	if j.Overlap == job.OverlapQueue {
		// What is queued must come to its end in a world's time.
		p.lengths[name], j.Timeout, j.Retries, j.RetryBackoff.Initial = time.Second, 0, min(j.Retries, 1), 2*time.Second
	}
	return j.WithDefaults()
}

// draw gives a job a schedule. In a world of many jobs most are rare.
func (p *people) draw(j *job.Job) {
	w := p.w
	j.Seconds, j.Timezone = false, pick(w, "UTC", "Europe/Zurich", "America/New_York", "Australia/Lord_Howe")
	if w.cfg.Jobs > 100 {
		minute, hour := w.rng.IntN(60), w.rng.IntN(24)
		j.Schedule = pick(w, fmt.Sprintf("%d * * * *", minute), fmt.Sprintf("%d * * * *", minute),
			fmt.Sprintf("%d %d * * *", minute, hour), fmt.Sprintf("%d */6 * * *", minute), fmt.Sprintf("%d,%d 8-17 * * *", minute/2, 30+minute/2))
		if w.chance(0.02) {
			j.Schedule = pick(w, "* * * * *", "*/5 * * * *", "@every 90s")
		}
		return
	}
	soon := w.real(w.now + time.Minute + w.upTo(max(w.cfg.Span-w.now, time.Minute)))
	if zone, err := time.LoadLocation(j.Timezone); err == nil {
		soon = soon.In(zone)
	}
	j.Schedule = pick(w, "* * * * *", "*/2 * * * *", "*/10 * * * * *", "*/20 * * * * *", "5,35 * * * * *", "@every 15s", "@every 40s",
		fmt.Sprintf("%d %d * * *", soon.Minute(), soon.Hour()), fmt.Sprintf("*/10 %d %d * * *", soon.Minute(), soon.Hour()))
	fields := 1
	for _, c := range j.Schedule {
		if c == ' ' {
			fields++
		}
	}
	j.Seconds = fields == 6
}

// shard is where a job's records go.
func (p *people) shard(name string) int32 { return topic.Partition(name, p.w.cfg.Shards) }

// apply writes a definition, unless Kafka is away.
func (p *people) apply(name string) {
	if p.w.away > p.w.now {
		p.w.after(p.w.away-p.w.now+time.Second, func() { p.apply(name) })
		return
	}
	j := p.jobs[name]
	p.there[name] = true
	now := p.w.real(p.w.now)
	p.write(name, &j, record{key: name, value: definition{job: j, at: now}})
	p.w.trace("people", name, "", "apply %q overlap %s retries %d on_lost %s paused %v", j.Schedule, j.Overlap, j.Retries, j.OnLost, j.Paused)
}

func (p *people) write(name string, j *job.Job, r record) {
	shard := p.shard(name)
	d := &check.Definition{Name: name, Job: j, At: p.w.real(p.w.now)}
	p.w.written = append(p.w.written, d)
	p.w.jobsLog[shard] = append(p.w.jobsLog[shard], d)
	p.w.partition("jobs", shard).append(nil, false, func() {}, r)
}

// change is what people do all day.
func (p *people) change() {
	w := p.w
	if w.now >= w.cfg.Span {
		return
	}
	w.after(time.Second+w.upTo(2*w.cfg.ChangeEvery), p.change)
	if w.away > w.now {
		return
	}
	name := pick(w, p.names...)
	switch w.rng.IntN(12) {
	case 0, 1:
		j := p.jobs[name]
		p.draw(&j)
		p.jobs[name] = j
		p.apply(name)
	case 2:
		j := p.jobs[name]
		j.Retries, j.StartDeadline = pick(w, 0, 1), pick(w, 0, 5*time.Second, 30*time.Second)
		p.jobs[name] = j
		p.apply(name)
	case 3:
		j := p.jobs[name]
		j.Paused = !j.Paused
		p.jobs[name] = j
		p.apply(name)
	case 4:
		p.remove(name)
	case 5, 6:
		p.ask(run.Request{Type: run.RequestPause, Job: name})
		w.after(w.upTo(30*time.Second), func() { p.ask(run.Request{Type: run.RequestResume, Job: name}) })
	case 7:
		p.ask(run.Request{Type: run.RequestRun, Job: name})
	case 8:
		p.backfill(name)
	default:
		p.cancel()
	}
}

// backfill asks for some of the last minutes again, and changes its mind now
// and then.
func (p *people) backfill(name string) {
	w := p.w
	now := w.real(w.now)
	r := run.Request{Type: run.RequestBackfill, Job: name, From: now.Add(-w.upTo(5 * time.Minute)), To: now, Parallel: 1 + w.rng.IntN(3)}
	r.OnlyMissed = w.chance(0.5)
	id := p.ask(r)
	if id == "" || w.chance(0.5) {
		return
	}
	w.after(w.upTo(20*time.Second), func() {
		p.ask(run.Request{Type: pick(w, run.RequestBackfillCancel, run.RequestBackfillPause), Job: name, Backfill: id})
	})
	w.after(20*time.Second+w.upTo(20*time.Second), func() {
		p.ask(run.Request{Type: run.RequestBackfillResume, Job: name, Backfill: id})
	})
}

func (p *people) remove(name string) {
	if !p.there[name] {
		return
	}
	p.there[name] = false
	p.write(name, nil, record{key: name})
	p.w.trace("people", name, "", "delete")
	p.w.after(time.Second+p.w.upTo(30*time.Second), func() { p.apply(name) })
}

// ask sends a request, sometimes twice, and returns its ID; it is empty while
// Kafka is away.
func (p *people) ask(r run.Request) string {
	if p.w.away > p.w.now {
		return ""
	}
	p.asked++
	r.ID, r.At = fmt.Sprintf("r%d", p.asked), p.w.real(p.w.now)
	shard := p.shard(r.Job)
	for range 1 + p.w.rng.IntN(2) {
		c := &check.Request{Request: r}
		p.w.asked = append(p.w.asked, c)
		p.w.requests[shard] = append(p.w.requests[shard], c)
		p.w.partition("commands", shard).append(nil, false, func() {}, record{key: r.Job, value: r})
	}
	p.w.trace("people", r.Job, r.Run, "ask to %s (%s)", r.Type, r.ID)
	return r.ID
}

// cancel asks for the end of some run that was handed out lately.
func (p *people) cancel() {
	shard := p.w.rng.Int32N(p.w.cfg.Shards)
	events := p.w.partition("events", shard)
	for i := len(events.recs) - 1; i >= 0 && i > len(events.recs)-30; i-- {
		ev, ok := events.recs[i].value.(run.Event)
		if ok && (ev.Type == run.EventEnqueued || ev.Type == run.EventDeferred) && p.w.chance(0.3) {
			p.ask(run.Request{Type: run.RequestCancel, Job: ev.Job, Run: ev.Run})
			return
		}
	}
}
