package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/run"
)

// note is the shell that writes one line into the journal. Lines this short
// are appended whole.
func note(word string) string {
	return `echo ` + word + ` $BELFRY_JOB $BELFRY_RUN_ID $BELFRY_ATTEMPT $BELFRY_FENCE $BELFRY_DUE $(date +%s%N) >> $JOURNAL`
}

// line is one line of the journal, as a command wrote it.
type line struct {
	word, job string
	run       run.ID
	attempt   int
	fence     int64
	due, at   time.Time
}

func (w *world) journalPath() string { return filepath.Join(w.dir, "journal") }

// env passes the journal's place on to commands, which get no environment
// but their own.
func (w *world) jobEnv() string { return fmt.Sprintf("env: {JOURNAL: %q}", w.journalPath()) }

func (w *world) journal() []line {
	w.t.Helper()
	text, err := os.ReadFile(w.journalPath())
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(w.t, err)
	var lines []line
	for text := range strings.Lines(string(text)) {
		var l line
		var due string
		var at int64
		_, err := fmt.Sscanf(text, "%s %s %s %d %d %s %d", &l.word, &l.job, &l.run, &l.attempt, &l.fence, &due, &at)
		require.NoError(w.t, err, "journal: %q", text)
		l.due, err = time.Parse(time.RFC3339Nano, due)
		require.NoError(w.t, err)
		l.at = time.Unix(0, at)
		lines = append(lines, l)
	}
	return lines
}

// count is how often a word stands in the journal for a job.
func (w *world) count(word, job string) int {
	n := 0
	for _, l := range w.journal() {
		if l.word == word && l.job == job {
			n++
		}
	}
	return n
}

// judged is what became of one due time.
type judged struct {
	starts  []line
	skipped string
	ended   run.State
	retried bool
}

// judge folds the journal and the ledger of a job by due time.
func (w *world) judge(job string) map[time.Time]*judged {
	w.t.Helper()
	all := map[time.Time]*judged{}
	at := func(due time.Time) *judged {
		due = due.UTC()
		if all[due] == nil {
			all[due] = &judged{}
		}
		return all[due]
	}
	events := w.events()
	for _, l := range w.journal() { // after the events: each end that is there has its start
		if l.job == job && l.word == "start" {
			at(l.due).starts = append(at(l.due).starts, l)
		}
	}
	late := map[run.Key]bool{}
	for _, e := range events {
		if e.Type == run.EventLate {
			late[e.Key()] = true
		}
	}
	for _, e := range events {
		if e.Job != job {
			continue
		}
		switch e.Type {
		case run.EventSkipped:
			last := e.Through
			if last.IsZero() {
				last = e.Due
			}
			for due := e.Due; !due.After(last); due = due.Add(time.Second) {
				at(due).skipped = e.Reason
			}
		case run.EventEnded, run.EventFinished:
			if state, ok := e.Final(); ok && !(e.Type == run.EventFinished && late[e.Key()]) {
				require.Empty(w.t, at(e.Due).ended, "run %s of %s due %s ended twice", e.Run, job, e.Due)
				at(e.Due).ended = state
			}
		case run.EventRetrying:
			at(e.Due).retried = true
		default:
		}
	}
	return all
}

// requireOnce fails unless every second after from, up to to, is a due time
// of the job that ran exactly once and succeeded, or is explained; and unless
// at least half of them ran. It returns how many due times there were, and how
// many ran.
func (w *world) requireOnce(job string, from, to time.Time) (dues, ran int) {
	w.t.Helper()
	var all map[time.Time]*judged
	var open time.Time
	settled := func() bool {
		all = w.judge(job)
		for due := from.Truncate(time.Second).Add(time.Second); !due.After(to); due = due.Add(time.Second) {
			if j := all[due.UTC()]; j == nil || j.ended == "" && j.skipped == "" {
				open = due
				return false
			}
		}
		return true
	}
	w.t.Cleanup(func() { w.tellStory(job, open) })
	w.await("every due time of "+job+" to be settled", settled)
	for due := from.Truncate(time.Second).Add(time.Second); !due.After(to); due = due.Add(time.Second) {
		dues++
		j := all[due.UTC()]
		w.requireAttempts(job, due, j)
		if len(j.starts) > 0 {
			ran++
		}
	}
	require.GreaterOrEqual(w.t, 2*ran, dues, "of %d due times of %s only %d ran: too few to judge", dues, job, ran)
	return dues, ran
}

// tellStory logs, for a failed test, all that the ledger says of a due time.
func (w *world) tellStory(job string, due time.Time) {
	if !w.t.Failed() {
		return
	}
	for _, e := range w.events() {
		if e.Job == job && e.Due.Equal(due) {
			w.t.Logf("%s %s attempt %d fence %d by %s hops %d %s %s",
				e.At.Format("15:04:05.000"), e.Type, e.Attempt, e.Fence, e.By, e.Hops, e.Reason, e.State)
		}
	}
}

// requireAttempts fails unless each attempt started at most once, and a
// second attempt only after a retry was decided.
func (w *world) requireAttempts(job string, due time.Time, j *judged) {
	w.t.Helper()
	seen := map[int]bool{}
	for _, s := range j.starts {
		require.False(w.t, seen[s.attempt], "attempt %d of %s due %s was started twice", s.attempt, job, due)
		seen[s.attempt] = true
	}
	if len(j.starts) > 1 {
		require.True(w.t, j.retried, "%s due %s started %d times without a retry", job, due, len(j.starts))
	}
	if j.skipped == "" && j.ended != run.StateSkipped {
		require.NotEmpty(w.t, j.starts, "%s due %s ended %s but never started", job, due, j.ended)
	}
}
