package query

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Definition is what is in force under the name of a job.
type Definition struct {
	Name  string
	Job   *topic.Job // nil if no such job is in force
	Times *schedule.Schedule
	Zone  *time.Location // UTC if there is no schedule
	// Invalid is why the definition has no due times, if so.
	Invalid error
}

// Definition returns what is in force under a name. A job that is no longer in
// force may have a ledger still, so it is no error.
func (t *Topics) Definition(ctx context.Context, name string) (Definition, error) {
	d := Definition{Name: name, Zone: time.UTC}
	j, err := t.Job(ctx, name)
	if errors.As(err, new(*NoJobError)) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	d.Job = &j
	d.Times, d.Invalid = j.Job.Compile()
	if d.Times != nil {
		d.Zone = d.Times.Location()
	}
	return d, nil
}

// Explanation is what is known of a job, to explain its due times by.
type Explanation struct {
	def     Definition
	now     time.Time
	through time.Time // all due times up to it have been decided
	ledger  *ledger.Ledger
	// Aside is why nothing is decided for the job, empty if it is.
	Aside string
}

// Explain reads what is known, at now, of the job's due times from since on.
// It returns a NoJobError if nothing is: neither a definition nor events.
func (t *Topics) Explain(ctx context.Context, def Definition, since, now time.Time) (*Explanation, error) {
	states, err := t.States(ctx, def.Name)
	if err != nil {
		return nil, err
	}
	st := states.Jobs[def.Name]
	l, err := t.Ledger(ctx, def.Name, since.Add(-BeforeDue))
	if err != nil {
		return nil, err
	}
	if def.Job == nil && len(l.Runs())+len(l.Skips()) == 0 {
		return nil, &NoJobError{Job: def.Name, Since: since}
	}
	return &Explanation{def: def, now: now, through: st.Through, ledger: l, Aside: st.Aside}, nil
}

// Fate is what became of a due time: the state of its run, or one of these.
type Fate string

// The fates of due times without a run.
const (
	Skipped Fate = "skipped"
	// Pending: not due yet.
	Pending Fate = "pending"
	// Undecided: no scheduler has decided yet.
	Undecided Fate = "undecided"
	// SetAside: none will, as long as the job is set aside.
	SetAside Fate = "set_aside"
	// Superseded: it lies before the definition in force was applied, and no
	// event is left of it.
	Superseded Fate = "superseded"
	// Forgotten: it was decided, and no event is left of it.
	Forgotten Fate = "forgotten"
)

// Verdict says what became of one due time, or of a row of them of which the
// same is to be said. The entry's run or skip is nil where the ledger has none.
type Verdict struct {
	ledger.Entry
	Fate Fate `json:"fate"`

	// Through is the last due time of a row without events, Count how many it
	// holds; zero for a single one.
	Through time.Time `json:"through,omitzero"`
	Count   int       `json:"count,omitzero"`
}

func (v *Verdict) eventless() bool { return v.Run == nil && v.Skip == nil }

// MaxDueTimes bounds how many due times are walked through.
const MaxDueTimes = 1_000_000

// Verdicts says what became of the due times from from to to: those in the
// ledger, and those that the schedule names now and the ledger lacks. It
// returns at most so many, the newest; limit 0 returns all.
func (e *Explanation) Verdicts(from, to time.Time, limit int) []Verdict {
	entries := e.ledger.Entries(e.def.Name, from, to)
	verdicts := make([]Verdict, 0, len(entries))
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
			verdicts = append(verdicts, Verdict{Entry: ledger.Entry{Due: due}, Fate: e.unrecorded(due)})
		}
	}
	slices.SortStableFunc(verdicts, func(a, b Verdict) int { return a.Due.Compare(b.Due) })
	verdicts = joined(verdicts)
	if limit > 0 {
		verdicts = verdicts[max(0, len(verdicts)-limit):]
	}
	return verdicts
}

// Next returns the first due time after at, and false if there is none.
func (e *Explanation) Next(at time.Time) (time.Time, bool) {
	if e.def.Times == nil {
		return time.Time{}, false
	}
	return e.def.Times.Next(at)
}

// joined makes one verdict of neighbours without events of which the same is
// to be said: a job that is new has a day of them.
func joined(verdicts []Verdict) []Verdict {
	var all []Verdict
	for _, v := range verdicts {
		last := len(all) - 1
		if last >= 0 && v.eventless() && all[last].eventless() && all[last].Fate == v.Fate {
			all[last].Through, all[last].Count = v.Due, max(all[last].Count, 1)+1
			continue
		}
		all = append(all, v)
	}
	return all
}

// due returns what the schedule names now; of what lies ahead, only the next.
func (e *Explanation) due(from, to time.Time) []time.Time {
	if e.def.Times == nil {
		return nil
	}
	var all []time.Time
	at := from.Add(-time.Nanosecond)
	for range MaxDueTimes {
		next, ok := e.def.Times.Next(at)
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

func recorded(entry ledger.Entry) Verdict {
	if entry.Skip != nil {
		return Verdict{Entry: entry, Fate: Skipped}
	}
	return Verdict{Entry: entry, Fate: Fate(entry.Run.State)}
}

// unrecorded is what can be said of a due time that no event names.
func (e *Explanation) unrecorded(due time.Time) Fate {
	switch {
	case due.After(e.now):
		return Pending
	case e.def.Job != nil && due.Before(e.def.Job.AppliedAt):
		return Superseded
	case !due.After(e.through):
		return Forgotten
	case e.Aside != "":
		return SetAside
	}
	return Undecided
}
