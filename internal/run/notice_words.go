package run

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// WhenTest is the occasion of a notice that only shows that a target is reached.
const WhenTest job.When = "test"

// NoticeWords says in a sentence what a notice tells, without the job's name.
func NoticeWords(n *Notice) string {
	text := occasion(n)
	if n.Held > 0 {
		text += fmt.Sprintf("; %d more of the kind since the last notice", n.Held)
	}
	return text
}

func occasion(n *Notice) string {
	due := noticeTime(n.Due)
	switch n.When {
	case job.WhenFailed, job.WhenFailing:
		text := "the run due at " + due + " was given up: " + Why(n.Reason, n.Outcome)
		if n.Count > 1 {
			text += fmt.Sprintf(" (%d in a row)", n.Count)
		}
		return text
	case job.WhenRecovered:
		text := "succeeded with the run due at " + due
		if n.Count > 0 {
			text += fmt.Sprintf(", after %d failures since %s", n.Count, noticeTime(n.Since))
		}
		return text
	case job.WhenLate:
		return "the run due at " + due + " has not started " + n.Until.Sub(n.Since).String() + " after its time"
	case job.WhenMissed:
		if n.Count > 1 {
			return fmt.Sprintf("%d due times from %s on were not run: %s", n.Count, due, Words(n.Reason))
		}
		return "the due time " + due + " was not run: " + Words(n.Reason)
	case job.WhenLong:
		return "the run due at " + due + " takes longer than the last runs let expect: it started at " + noticeTime(n.Since)
	case job.WhenSkipped:
		return fmt.Sprintf("%d due times in a row were passed over since %s: %s", n.Count, noticeTime(n.Since), Words(n.Reason))
	case job.WhenNoSuccess:
		if n.Since.IsZero() {
			return "has not succeeded, which was expected by " + noticeTime(n.Until)
		}
		return "has not succeeded since " + noticeTime(n.Since) + "; it was expected by " + noticeTime(n.Until)
	case job.WhenNotDone:
		text := "will not be done by " + noticeTime(n.Until)
		if !n.Expected.IsZero() {
			return text + "; it probably will at " + noticeTime(n.Expected)
		}
		return text + ": no run of it is left"
	}
	if n.When == WhenTest {
		return "this is a test: notices come through"
	}
	return string(n.When)
}

func noticeTime(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }
