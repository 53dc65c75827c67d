package check

import (
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// judgeDues requires every due time to be in the ledger, and the ledger to
// name no others.
func (j *judge) judgeDues() {
	for _, name := range j.names {
		b := j.books[name]
		for i, t := range b.defs {
			for _, due := range t.dues {
				if !j.owed(b, i, due) {
					continue
				}
				j.counts.Dues++
				if _, ok := b.named[due.UnixNano()]; !ok && !b.spanned(due) {
					h := &history{job: name, due: due}
					j.blame(RuleLostDue, h, due, "%q names it; no event does (the definition was written at %s)", t.def.Schedule, stamp(t.at))
				}
			}
		}
		j.judgeNamed(b)
	}
}

// owed reports whether definition i of a job surely decides a due time, so
// that it must be accounted for.
func (j *judge) owed(b *book, i int, due time.Time) bool {
	t, skew := b.defs[i], j.e.Limits.Skew
	if !due.After(j.e.From) || due.After(j.e.Until) || due.Add(t.def.Jitter).After(j.e.Until) {
		return false
	}
	if !t.until.IsZero() && due.After(t.until.Add(-skew)) {
		return false
	}
	if due.After(t.acted.Add(skew)) {
		return true
	}
	// While the change was on its way, either may have decided: it is owed
	// if both name it.
	return i > 0 && due.After(t.at.Add(skew)) && b.defs[i-1].def != nil && b.defs[i-1].names(due) &&
		due.After(b.defs[i-1].acted.Add(skew))
}

func (b *book) spanned(due time.Time) bool {
	return slices.ContainsFunc(b.spans, func(s run.Event) bool { return !due.Before(s.Due) && !due.After(s.Through) })
}

// judgeNamed requires what the ledger names to be due by a definition that
// held about then.
func (j *judge) judgeNamed(b *book) {
	early := ahead + j.e.Limits.Skew
	for at, id := range b.named {
		due := time.Unix(0, at).UTC()
		if due.Before(j.e.From) || due.After(j.e.Collected) {
			continue
		}
		named := slices.ContainsFunc(b.defs, func(t *tenure) bool {
			return t.names(due) && !due.Before(t.at.Add(-j.e.Limits.Skew)) &&
				(t.until.IsZero() || !due.After(t.untilActed.Add(early)))
		})
		if h := j.runs[id]; !named && h != nil {
			j.blame(RuleNotDue, h, due, "the ledger holds a due time that no definition of the job names then")
		}
	}
}
