package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// Verdict is what the evidence proves.
type Verdict string

// The verdicts. Invalid evidence shows no violation but proves nothing
// either: too little happened, or a fault did not land.
const (
	Pass    Verdict = "pass"
	Fail    Verdict = "fail"
	Invalid Verdict = "invalid"
)

// Rule names what was violated.
type Rule string

// The rules.
const (
	RuleLostDue     Rule = "lost due time"         // a due time is not accounted for
	RuleNotDue      Rule = "not a due time"        // the ledger names what no definition does
	RuleExplanation Rule = "false explanation"     // the reason given cannot be the reason
	RuleDoubled     Rule = "doubled"               // handed out again without cause
	RuleTwice       Rule = "started twice"         // one attempt started more than once
	RuleGhost       Rule = "ghost start"           // started without the ledger's knowledge
	RuleUnannounced Rule = "start unannounced"     // no starting event
	RuleZombie      Rule = "zombie start"          // started after it was taken away
	RuleEarly       Rule = "started early"         // before its time
	RuleLate        Rule = "started late"          // without a reason
	RuleDeadline    Rule = "start deadline"        // started after its deadline
	RuleTimeout     Rule = "timeout"               // ran longer, or was ended sooner
	RuleOverlap     Rule = "overlap"               // two runs at a time
	RuleAttempts    Rule = "attempts"              // more than the job grants, or out of order
	RuleBackoff     Rule = "backoff"               // the wait before a retry is wrong
	RuleFinal       Rule = "final state"           // none, or more than one
	RuleFence       Rule = "fences"                // they do not grow
	RuleAcked       Rule = "acknowledged but lost" // a report or request without effect
	RuleLie         Rule = "ledger and reality"    // they disagree
	RuleAtomic      Rule = "torn decision"         // record and ledger disagree
	RuleRecall      Rule = "recall ignored"        // started long after it was asked back
	RuleDead        Rule = "dead letters"          // missing, or too many
	RuleNotices     Rule = "notices"               // missing, or told twice
)

// Violation is one broken promise, with what shows it.
type Violation struct {
	Rule    Rule
	Job     string
	Run     run.ID
	Due, At time.Time
	Detail  string
	// Shown are the events and lines of the run, as text, oldest first.
	Shown []string
}

func (v Violation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: job %s", v.Rule, v.Job)
	if v.Run != "" {
		fmt.Fprintf(&b, " run %s", v.Run)
	}
	if !v.Due.IsZero() {
		fmt.Fprintf(&b, " due %s", stamp(v.Due))
	}
	if !v.At.IsZero() {
		fmt.Fprintf(&b, " at %s", stamp(v.At))
	}
	fmt.Fprintf(&b, ": %s", v.Detail)
	for _, s := range v.Shown {
		b.WriteString("\n    " + s)
	}
	return b.String()
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000") }

// Report is the judgement.
type Report struct {
	Verdict    Verdict
	Violations []Violation
	// Why lists what makes the evidence invalid.
	Why []string

	// Dues counts the due times that had to be accounted for, Starts the
	// commands started, Ended the runs that came to an end, Skipped the due
	// times that the ledger says were not run.
	Dues, Starts, Ended, Skipped int
}

func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d due times, %d starts, %d runs ended, %d skipped", r.Verdict, r.Dues, r.Starts, r.Ended, r.Skipped)
	for _, v := range r.Violations {
		b.WriteString("\n  " + v.String())
	}
	for _, w := range r.Why {
		b.WriteString("\n  invalid: " + w)
	}
	return b.String()
}

// Judge holds the evidence against the promises. The error says that a
// schedule is beyond the judge's own evaluator.
func Judge(e Evidence) (Report, error) {
	j := newJudge(e)
	if err := j.readJobs(); err != nil {
		return Report{}, err
	}
	j.readLedger()
	j.judgeDues()
	j.judgeStarts()
	j.judgeOverlap()
	j.judgeNotices()
	j.judgeEnds()
	j.judgeRecords()
	j.judgeRequests()
	return j.report(), nil
}

func (j *judge) report() Report {
	r := j.counts
	r.Violations = j.violations
	slices.SortStableFunc(r.Violations, func(a, b Violation) int { return a.At.Compare(b.At) })
	if r.Starts < j.e.Limits.MinStarts {
		r.Why = append(r.Why, fmt.Sprintf("%d starts are too few to judge by; %d are needed", r.Starts, j.e.Limits.MinStarts))
	}
	if r.Starts > 0 && r.Dues == 0 {
		r.Why = append(r.Why, "no due time can be told: the definitions are missing, or no shard says that it took them")
	}
	for _, f := range j.e.Faults {
		if !f.Landed {
			r.Why = append(r.Why, fmt.Sprintf("the fault %q of %s did not land", f.Name, stamp(f.From)))
		}
	}
	switch {
	case len(r.Violations) > 0:
		r.Verdict = Fail
	case len(r.Why) > 0:
		r.Verdict = Invalid
	default:
		r.Verdict = Pass
	}
	return r
}

// blame adds a violation about a run.
func (j *judge) blame(rule Rule, h *history, at time.Time, format string, args ...any) {
	j.violations = append(j.violations, Violation{
		Rule: rule, Job: h.job, Run: h.id, Due: h.due, At: at,
		Detail: fmt.Sprintf(format, args...), Shown: h.shown(),
	})
}

// calm reports whether no fault was in effect between a and b.
func (j *judge) calm(a, b time.Time) bool {
	return !slices.ContainsFunc(j.e.Faults, func(f Fault) bool { return f.From.Before(b) && f.Until.After(a) })
}
