package lint

import (
	"fmt"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/schedule"
)

const (
	// tellChanges is how many clock changes are told of, lookChanges how many
	// are looked at: some ten years' worth.
	tellChanges = 2
	lookChanges = 20
)

// clock finds due times that a change of the zone's clock skips or repeats. A
// schedule that follows every hour is not concerned: it keeps its pace.
func (c *checker) clock(s *subject) {
	if len(s.fields) == 0 || s.fields[hour] == "*" || s.zone == time.UTC {
		return
	}
	if !s.changed {
		s.changed = true
		s.changes = s.clockChanges(c.now)
	}
	if len(s.changes) == 0 {
		return
	}
	w, _ := s.column(hour)
	if m, ok := s.column(minute); ok {
		w = word{s.Schedule[m.offset : w.offset+len(w.text)], m.offset}
	}
	c.foundIn(s, ClockChange, "schedule", w, fmt.Sprintf("inside a clock change of %s: %s", s.Timezone, strings.Join(s.changes, "; ")),
		"choose a time that no change touches, or timezone: UTC")
}

// clockChanges tells of the next changes that concern the schedule.
func (f *facts) clockChanges(now time.Time) []string {
	var told []string
	at := now.In(f.zone)
	made := map[int]*schedule.Schedule{}
	for range lookChanges {
		_, end := at.ZoneBounds()
		if end.IsZero() || len(told) == tellChanges {
			break
		}
		at = end
		_, before := end.Add(-time.Second).Zone()
		_, after := end.Zone()
		shift := time.Duration(after-before) * time.Second
		if shift == 0 {
			continue
		}
		old := made[before]
		if old == nil {
			old = on(f.fields, time.FixedZone("", before))
			made[before] = old
		}
		if shift > 0 {
			told = append(told, f.skipped(old, end, shift)...)
		} else {
			told = append(told, f.repeated(old, end, -shift)...)
		}
	}
	return told
}

// skipped tells what becomes of the times that the clock jumps over at end.
func (f *facts) skipped(old *schedule.Schedule, end time.Time, shift time.Duration) []string {
	lost, ok := old.Next(end.Add(-time.Second))
	if !ok || !lost.Before(end.Add(shift)) {
		return nil
	}
	what := fmt.Sprintf("on %s there is no %s, so that it is not due then", end.Format(time.DateOnly), clockOf(lost))
	if due, ok := f.in().Next(end.Add(-time.Second)); ok && due.Equal(end) {
		what = fmt.Sprintf("on %s there is no %s, so that it is due at %s", end.Format(time.DateOnly), clockOf(lost), clockOf(end))
	}
	return []string{what}
}

// repeated tells what becomes of the times that come twice around end.
func (f *facts) repeated(old *schedule.Schedule, end time.Time, shift time.Duration) []string {
	first, ok := old.Next(end.Add(-shift - time.Second))
	if !ok || !first.Before(end) {
		return nil
	}
	what := "it is due the first time alone"
	if again, ok := f.in().Next(end.Add(-time.Second)); ok && again.Before(end.Add(shift)) {
		what = "it is due both times"
	}
	return []string{fmt.Sprintf("on %s it is %s twice, and %s", end.Format(time.DateOnly), clockOf(first), what)}
}

// in is the schedule in its own zone.
func (f *facts) in() *schedule.Schedule {
	if f.local == nil {
		f.local = on(f.fields, f.zone)
	}
	return f.local
}

func clockOf(at time.Time) string {
	if at.Second() != 0 {
		return at.Format(time.TimeOnly)
	}
	return at.Format("15:04")
}
