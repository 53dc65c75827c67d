package cli

import (
	"fmt"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/topic"
)

// explanation is what is known of one job, to explain its due times by.
type explanation struct {
	job   string
	now   time.Time
	since time.Time
	at    time.Time // of --at

	def      *topic.Job // nil once the job is gone
	schedule *schedule.Schedule
	zone     *time.Location
	through  time.Time // all due times up to it have been decided
	ledger   *ledger.Ledger
	aside    string // why nothing is decided for the job, empty if it is
}

// maxDue bounds how many due times are walked through.
const maxDue = 1_000_000

// verdicts says what became of the due times from from to to: those in the
// ledger, and those that the schedule names now and the ledger lacks.
func (e *explanation) verdicts(from, to time.Time) []verdict {
	entries := e.ledger.Entries(e.job, from, to)
	verdicts := make([]verdict, 0, len(entries))
	known := map[int64]bool{}
	var ranges []*ledger.Skip
	for _, entry := range entries {
		verdicts = append(verdicts, recorded(entry))
		known[entry.Due.UnixNano()] = true
		if entry.Skip != nil {
			ranges = append(ranges, entry.Skip)
		}
	}
	for _, due := range e.due(from, to) {
		covered := slices.ContainsFunc(ranges, func(s *ledger.Skip) bool {
			return !due.Before(s.Due) && !due.After(s.Through)
		})
		if !covered && !known[due.UnixNano()] {
			verdicts = append(verdicts, e.unrecorded(due))
		}
	}
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return a.Due.Compare(b.Due) })
	return joined(verdicts)
}

// joined makes one verdict of neighbours without events of which the same is
// to be said: a job that is new has a day of them.
func joined(verdicts []verdict) []verdict {
	var all []verdict
	for _, v := range verdicts {
		eventless := v.Entry.Run == nil && v.Skip == nil
		if last := len(all) - 1; last >= 0 && eventless && all[last].Verdict == v.Verdict && all[last].Why == v.Why {
			all[last].Through, all[last].Count = v.Due, max(all[last].Count, 1)+1
			continue
		}
		all = append(all, v)
	}
	return all
}

// due returns what the schedule names now; of what lies ahead, only the next.
func (e *explanation) due(from, to time.Time) []time.Time {
	if e.schedule == nil {
		return nil
	}
	var all []time.Time
	at := from.Add(-time.Nanosecond)
	for range maxDue {
		next, ok := e.schedule.Next(at)
		if !ok || next.After(to) {
			break
		}
		all = append(all, next)
		if next.After(e.now) {
			break
		}
		at = next
	}
	return all
}

func recorded(entry ledger.Entry) verdict {
	v := verdict{Entry: entry}
	if entry.Skip != nil {
		v.Verdict, v.Why = "skipped", reason(entry.Skip.Reason)
		return v
	}
	v.Verdict = string(entry.Run.State)
	last, _ := entry.Run.Last()
	switch because := why(entry.Run.Reason, last.Outcome); {
	case because != "":
		v.Why = because
	case entry.Run.Trigger != run.TriggerSchedule && entry.Run.Trigger != "":
		v.Why = map[run.Trigger]string{
			run.TriggerCatchUp: "caught up on: it passed while no scheduler was deciding",
			run.TriggerManual:  "somebody asked for it",
			run.TriggerRequeue: "somebody requeued it",
		}[entry.Run.Trigger]
	}
	return v
}

// unrecorded says what can be said of a due time that no event names.
func (e *explanation) unrecorded(due time.Time) verdict {
	v := verdict{Entry: ledger.Entry{Due: due}}
	switch {
	case due.After(e.now):
		v.Verdict = "pending"
		v.Why = "not due yet"
	case e.def != nil && due.Before(e.def.AppliedAt):
		v.Verdict = "unrecorded"
		v.Why = "before " + when(e.def.AppliedAt) + ", when the definition in force was applied"
	case !due.After(e.through):
		v.Verdict = "unrecorded"
		v.Why = "decided, but its events are no longer kept"
	case e.aside != "":
		v.Verdict, v.Why = "undecided", e.aside
	default:
		v.Verdict = "undecided"
		v.Why = "no scheduler has decided yet; \"belfry members\" shows whether one lives"
	}
	return v
}

// neighbours names the due times around the one asked for.
func (e *explanation) neighbours() string {
	if e.schedule == nil {
		return ""
	}
	text := ""
	if next, ok := e.schedule.Next(e.at); ok {
		text = fmt.Sprintf("; the next one after that is %s", next.In(e.zone).Format(time.RFC3339))
	}
	return text
}
