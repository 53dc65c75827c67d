package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/belfry-cron/belfry/internal/sim/check"
)

// report is all that was measured; durations are in seconds.
type report struct {
	Machine string    `json:"machine"`
	Rate    int       `json:"rate"`
	Began   time.Time `json:"began"`
	Strikes []*result `json:"strikes"`
	Judged  []judged  `json:"judged"`
	// Slow are strikes that say nothing about lateness, since the machine was
	// too slow for the load.
	Slow []string `json:"too_slow,omitempty"`
	// LeftOut are faults that could not be had here, and why.
	LeftOut []string `json:"left_out,omitempty"`
}

// neverEnded is what the judge says of a run that was handed out and then lost.
const neverEnded = "it never ended"

// tooSlow bounds the lateness of the undisturbed load: beyond it the machine is
// felt, and not the fault.
const tooSlow = 2 * time.Second

// judged is the verdict on one session.
type judged struct {
	Kafka      string   `json:"kafka"`
	Kind       string   `json:"fault"`
	Verdict    string   `json:"verdict"`
	Dues       int      `json:"due_times"`
	Starts     int      `json:"starts"`
	Lost       int      `json:"lost"`
	Doubled    int      `json:"doubled"`
	Others     int      `json:"other_violations"`
	Violations []string `json:"violations,omitempty"`
	Why        []string `json:"why,omitempty"`
}

// result holds the figures of a strike: the streams without and with the fault.
type result struct {
	*strike
	Undisturbed map[string]stream `json:"undisturbed"`
	Faulty      map[string]stream `json:"faulty"`
	Felt        felt              `json:"felt"`
	Beside      []besides         `json:"beside"`
}

// besides is the longest wait of a plain client for the acknowledgement of a
// partition.
type besides struct {
	Replicas    []int32 `json:"replicas"` // the first leads
	Undisturbed seconds `json:"undisturbed"`
	Faulty      seconds `json:"faulty"`
}

func newReport(o options) *report {
	return &report{
		Machine: fmt.Sprintf("%s/%s, %d CPUs, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version()),
		Rate:    o.rate, Began: now(),
	}
}

func (r *report) leftOut(version, kind string, why error) {
	text := fmt.Sprintf("%s on Kafka %s: %v", kind, version, why)
	say("left out: %s", text)
	r.LeftOut = append(r.LeftOut, text)
}

// add measures the strikes of a session and says how each went.
func (r *report) add(s *session, p *plain, e *check.Evidence, j check.Report) error {
	v := judged{
		Kafka: s.brokers.Version(), Kind: s.kind.name, Verdict: string(j.Verdict),
		Dues: j.Dues, Starts: j.Starts, Why: j.Why,
	}
	for _, one := range j.Violations {
		v.Violations = append(v.Violations, one.String())
		switch {
		case one.Rule == check.RuleLostDue, one.Rule == check.RuleAcked, one.Detail == neverEnded:
			v.Lost++
		case one.Rule == check.RuleDoubled, one.Rule == check.RuleTwice:
			v.Doubled++
		default:
			v.Others++
		}
	}
	r.Judged = append(r.Judged, v)
	h := historyOf(s, e)
	for _, k := range s.strikes {
		calm, fault := k.windows()
		one := &result{strike: k, Undisturbed: h.streams(calm), Faulty: h.streams(fault)}
		worst := one.Undisturbed["scheduled"].Late.Worst.duration()
		one.Felt = h.feel(fault, k, worst+goalBeyond)
		var err error
		if one.Felt.Said, err = s.saidIn(fault, k); err != nil {
			return err
		}
		for _, l := range p.lanes {
			one.Beside = append(one.Beside, besides{
				Replicas: l.replicas, Undisturbed: secondsOf(l.worst(calm)), Faulty: secondsOf(l.worst(fault)),
			})
		}
		r.Strikes = append(r.Strikes, one)
		a, b := one.Undisturbed["scheduled"].Late, one.Faulty["scheduled"].Late
		say("%s: worst %.3f s without, %.3f s with the fault; %d of %d runs felt it", k.name(), a.Worst, b.Worst, one.Felt.Late, b.N)
		if a.Worst.duration() > tooSlow {
			text := fmt.Sprintf("%s on Kafka %s at a load of %s: runs were %.1f s late without a fault, so that nothing is told of lateness",
				k.name(), k.Kafka, k.Load, a.Worst)
			say("%s", text)
			r.Slow = append(r.Slow, text)
		}
	}
	say("%s: %d due times, %d lost, %d doubled, %d other violations", j.Verdict, j.Dues, v.Lost, v.Doubled, v.Others)
	for _, text := range v.Violations[:min(3, len(v.Violations))] {
		say("%s", text)
	}
	return nil
}

// verdict is the worst of all.
func (r *report) verdict() check.Verdict {
	all := check.Pass
	for _, j := range r.Judged {
		switch {
		case j.Verdict == string(check.Fail):
			return check.Fail
		case j.Verdict == string(check.Invalid):
			all = check.Invalid
		}
	}
	return all
}

func (r *report) write(to io.Writer, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		_, err = to.Write(append(text, '\n'))
		return err
	}
	return r.writeText(to)
}
