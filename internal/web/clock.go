package web

import (
	"fmt"
	"strings"
	"time"
)

// clock is what a reader's clock shows.
type clock struct {
	now  time.Time
	zone *time.Location
}

// moment is an instant as pages show it: relative to now, and on the reader's
// clock. The zero moment is no instant.
type moment struct {
	At    time.Time
	ISO   string // for machines and the script
	Full  string // with date and zone
	Short string // the time of day; with the date unless it is today
	Rel   string // "3 min ago", "in 2 h"
}

// Zero reports whether there is no instant.
func (m moment) Zero() bool { return m.At.IsZero() }

func (c clock) moment(at time.Time) moment {
	if at.IsZero() {
		return moment{}
	}
	local := at.In(c.zone)
	return moment{
		At: at, ISO: at.UTC().Format("2006-01-02T15:04:05.000Z"),
		Full:  local.Format("Mon 2 Jan 2006 15:04:05 ") + zoneName(local),
		Short: c.short(local), Rel: relative(at.Sub(c.now)),
	}
}

// short leaves out what the reader knows: the date of today, the year of this
// one, seconds that are none.
func (c clock) short(at time.Time) string {
	at = at.In(c.zone)
	now := c.now.In(c.zone)
	layout := "15:04:05"
	if at.Second() == 0 {
		layout = "15:04"
	}
	switch {
	case at.Format(time.DateOnly) == now.Format(time.DateOnly):
	case at.Year() == now.Year():
		layout = "2 Jan " + layout
	default:
		layout = "2 Jan 2006 " + layout
	}
	return at.Format(layout)
}

// zoneName is the abbreviation of a zone, with its offset if it has no letters.
func zoneName(at time.Time) string {
	name, _ := at.Zone()
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + at.Format("-07:00")
	}
	return name
}

// relative says a distance from now; belfry.js says the same.
func relative(d time.Duration) string {
	if d < 0 {
		if d > -time.Second {
			return "now"
		}
		return coarse(-d) + " ago"
	}
	if d < time.Second {
		return "now"
	}
	return "in " + fine(d)
}

// coarse has one unit.
func coarse(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d.Hours()/24))
}

// fine has two units, as a countdown needs.
func fine(d time.Duration) string {
	s := int(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%d s", s)
	case s < 3600:
		return two(s/60, "min", s%60, "s")
	case s < 48*3600:
		return two(s/3600, "h", s%3600/60, "min")
	}
	return two(s/86400, "d", s%86400/3600, "h")
}

func two(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

// lasting is a duration for people, with three digits or two units.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "−" + lasting(-d)
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	}
	return fine(d)
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	case n < 1<<30:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
}

// counted is a number with its noun: "1 job", "12 jobs".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok && !strings.HasSuffix(noun, "ay") {
		noun = stem + "ie"
	}
	return fmt.Sprintf("%s %ss", grouped(n), noun)
}

// grouped writes a number with thin spaces between groups of three digits.
func grouped(n int) string {
	digits := fmt.Sprint(n)
	if n < 10_000 {
		return digits
	}
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u2009')
		}
		b.WriteRune(d)
	}
	return b.String()
}
