package main

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// figures are what a soak measured; durations are in seconds.
type figures struct {
	Seed       uint64    `json:"seed"`
	Began      time.Time `json:"began"`
	Seconds    float64   `json:"seconds"`
	Rate       int       `json:"rate"`
	Kafka      string    `json:"kafka"`
	Machine    string    `json:"machine"`
	Verdict    string    `json:"verdict"`
	Why        []string  `json:"why,omitempty"`
	Violations []string  `json:"violations,omitempty"`

	Dues     int `json:"due_times"`
	Starts   int `json:"starts"`
	Ended    int `json:"ended"`
	Skipped  int `json:"skipped"`
	Lost     int `json:"lost_due_times"`
	Doubled  int `json:"doubled"`
	Returned int `json:"returned"`
	Retried  int `json:"retried"`
	Taken    int `json:"taken_from_lost_workers"`

	Phases []phase `json:"phases"`
	Marks  []mark  `json:"changes"`
}

// phase is a stretch of the soak under one fault, or under none.
type phase struct {
	Name  string    `json:"name"`
	Fault bool      `json:"fault"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	Late  lateness  `json:"late"`

	landed bool
}

// lateness is how long after their times the first attempts due in a stretch
// of time started, in seconds.
type lateness struct {
	Starts int     `json:"starts"`
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	Worst  float64 `json:"worst"`
}

// start is one first attempt: when it was to start, and how late it was.
type start struct {
	at   time.Time
	late time.Duration
}

func measure(o options, w *world, e check.Evidence, r check.Report) (figures, []start) {
	f := figures{
		Seed: o.seed, Began: e.From, Seconds: e.Until.Sub(e.From).Seconds(), Rate: o.rate, Kafka: o.version,
		Machine: fmt.Sprintf("%s/%s, %d CPUs", runtime.GOOS, runtime.GOARCH, runtime.NumCPU()),
		Verdict: string(r.Verdict), Why: r.Why, Marks: w.marks,
		Dues: r.Dues, Starts: r.Starts, Ended: r.Ended, Skipped: r.Skipped,
	}
	for _, v := range r.Violations {
		f.Violations = append(f.Violations, v.String())
		if slices.Contains([]check.Rule{check.RuleLostDue, check.RuleAcked, check.RuleFinal}, v.Rule) {
			f.Lost++
		}
		if slices.Contains([]check.Rule{check.RuleDoubled, check.RuleTwice}, v.Rule) {
			f.Doubled++
		}
	}
	count := map[run.EventType]int{}
	for i := range e.Events {
		count[e.Events[i].Type]++
	}
	f.Returned, f.Retried, f.Taken = count[run.EventReturned], count[run.EventRetrying], count[run.EventLost]
	starts := firstStarts(e)
	f.Phases = phases(e)
	for i := range f.Phases {
		p := &f.Phases[i]
		p.Late = between(starts, p.From, p.Until)
	}
	return f, starts
}

// firstStarts are the first attempts of scheduled runs, by when they were to
// start.
func firstStarts(e check.Evidence) []start {
	wanted := map[run.ID]time.Time{}
	for i := range e.Events {
		ev := &e.Events[i]
		if _, ok := wanted[ev.Run]; !ok && ev.Type == run.EventEnqueued && ev.Attempt == 1 && ev.Trigger == run.TriggerSchedule &&
			!strings.HasPrefix(ev.Job, "slow-queue") {
			wanted[ev.Run] = ev.NotBefore
		}
	}
	var all []start
	for _, l := range e.Lines {
		if at, ok := wanted[l.Run]; ok && l.Word == check.WordStart && l.Attempt == 1 {
			all = append(all, start{at: at, late: max(0, l.At.Sub(at))})
			delete(wanted, l.Run)
		}
	}
	slices.SortFunc(all, func(a, b start) int { return a.at.Compare(b.at) })
	return all
}

// phases cuts the soak at its faults.
func phases(e check.Evidence) []phase {
	var all []phase
	at := e.From
	for _, f := range e.Faults {
		if f.From.After(at) {
			all = append(all, phase{Name: "no fault", From: at, Until: f.From})
		}
		all = append(all, phase{Name: f.Name, Fault: true, From: f.From, Until: f.Until, landed: f.Landed})
		at = f.Until
	}
	if e.Until.After(at) {
		all = append(all, phase{Name: "no fault", From: at, Until: e.Until})
	}
	return all
}

// between is the lateness of what was to start in [from, until).
func between(starts []start, from, until time.Time) lateness {
	first, _ := slices.BinarySearchFunc(starts, from, func(s start, t time.Time) int { return s.at.Compare(t) })
	last, _ := slices.BinarySearchFunc(starts, until, func(s start, t time.Time) int { return s.at.Compare(t) })
	late := make([]time.Duration, 0, max(0, last-first))
	for _, s := range starts[first:max(first, last)] {
		late = append(late, s.late)
	}
	if len(late) == 0 {
		return lateness{}
	}
	slices.Sort(late)
	at := func(q float64) float64 {
		return late[int(q*float64(len(late)-1))].Round(time.Millisecond).Seconds()
	}
	return lateness{Starts: len(late), P50: at(0.5), P99: at(0.99), Worst: at(1)}
}
