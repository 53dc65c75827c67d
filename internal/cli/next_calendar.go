package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

// heatAnswer is what next --calendar answers.
type heatAnswer struct {
	Jobs     []string  `json:"jobs"`
	Timezone string    `json:"timezone"`
	Days     []heatDay `json:"days"`
}

type heatDay struct {
	Date  string `json:"date"`
	Total int    `json:"total"`
	Hours []int  `json:"hours"`
}

// heat draws the month or the year in which the answer begins, all jobs
// together. What calendars and blackouts exclude does not count; a paused job
// does, since nobody knows for how long it is paused.
func (c *nextCmd) heat(s *session, jobs []job.Job) error {
	zone, err := c.heatZone(jobs)
	if err != nil {
		return err
	}
	from := c.From.In(zone)
	first := time.Date(from.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	end := first.AddDate(1, 0, 0)
	if c.Calendar == "month" {
		first = time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
		end = first.AddDate(0, 1, 0)
	}
	answer := heatAnswer{Jobs: []string{}, Timezone: zone.String(), Days: []heatDay{}}
	var due []plan.Due
	var calendars job.Calendars
	for _, j := range jobs {
		f, err := firesOf(j, &calendars)
		if err != nil {
			return err
		}
		due = append(due, f.due())
		answer.Jobs = append(answer.Jobs, j.Name)
	}
	h, err := plan.Count(due, first, end, zone, plan.MaxHeat)
	if err != nil {
		return fmt.Errorf("counting due times: %w", err)
	}
	if c.Output == "json" {
		for _, d := range h.Days {
			answer.Days = append(answer.Days, heatDay{Date: d.Date.Format(time.DateOnly), Total: d.Total, Hours: d.Hours[:]})
		}
		return s.asJSON(answer)
	}
	p := &heatPainter{colour: s.outTTY && os.Getenv("NO_COLOR") == ""}
	p.title(answer, first, c.Calendar)
	if c.Calendar == "month" {
		p.month(h)
	} else {
		p.year(h)
	}
	p.changes(first, end, zone)
	// Its colours are its own, and all else in it was made printable.
	s.progress.stop()
	_, err = io.WriteString(s.rawOut, p.b.String())
	return err
}

// heatZone is the zone asked for, else the one that all jobs share, else UTC.
func (c *nextCmd) heatZone(jobs []job.Job) (*time.Location, error) {
	name := c.Timezone
	if name == "" {
		name = "UTC"
		for i, j := range jobs {
			if i > 0 && j.Timezone != jobs[0].Timezone {
				name = "UTC"
				break
			}
			name = j.Timezone
		}
	}
	return tzdata.Load(name)
}

// heatPainter draws with shades, which every terminal and every file takes.
type heatPainter struct {
	b      strings.Builder
	colour bool
	max    int
}

func (p *heatPainter) title(a heatAnswer, first time.Time, span string) {
	what := counted(len(a.Jobs), "job")
	if len(a.Jobs) == 1 {
		what = oneLine(a.Jobs[0])
	}
	layout := "2006"
	if span == "month" {
		layout = "January 2006"
	}
	fmt.Fprintf(&p.b, "%s, %s, %s\n\n", what, first.Format(layout), a.Timezone)
}

// month has a line for each day and a cell for each hour.
func (p *heatPainter) month(h plan.Heat) {
	_, p.max = h.Max()
	p.b.WriteString(pad("", 8))
	for hour := range 24 {
		if hour%3 == 0 {
			p.b.WriteString(pad(fmt.Sprintf("%02d", hour), 6))
		}
	}
	p.b.WriteString("  due times\n")
	for _, d := range h.Days {
		p.b.WriteString(pad(d.Date.Format("Mon _2"), 8))
		for _, n := range d.Hours {
			p.cell(n)
		}
		fmt.Fprintf(&p.b, "  %d\n", d.Total)
	}
	p.legend("an hour")
}

// year has a line for each month and a cell for each day.
func (p *heatPainter) year(h plan.Heat) {
	p.max, _ = h.Max()
	p.b.WriteString(pad("", 8) + pad("1", 8))
	for dom := 5; dom < 30; dom += 5 {
		p.b.WriteString(pad(fmt.Sprint(dom), 10))
	}
	p.b.WriteString(pad("30", 4) + "  due times\n")
	for i := 0; i < len(h.Days); {
		month, total, dom := h.Days[i].Date.Month(), 0, 0
		p.b.WriteString(pad(h.Days[i].Date.Format("Jan"), 8))
		for ; i < len(h.Days) && h.Days[i].Date.Month() == month; i++ {
			p.cell(h.Days[i].Total)
			total += h.Days[i].Total
			dom++
		}
		fmt.Fprintf(&p.b, "%s  %d\n", strings.Repeat("  ", 31-dom), total)
	}
	p.legend("a day")
}

// shades are those of none, and of four equal parts up to the most.
func shades() []string { return []string{"·", "░", "▒", "▓", "█"} }

// level is the shade of a number.
func (p *heatPainter) level(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + (n-1)*4/max(p.max, 4)
}

func (p *heatPainter) cell(n int) { p.shade(p.level(n)) }

func (p *heatPainter) shade(level int) {
	text := strings.Repeat(shades()[level], 2)
	if level == 0 {
		text = " " + shades()[0]
	}
	if p.colour {
		greens := []int{240, 22, 28, 34, 46} // of the 256 colours
		text = fmt.Sprintf("\x1b[38;5;%dm%s\x1b[0m", greens[level], text)
	}
	p.b.WriteString(text)
}

func (p *heatPainter) legend(unit string) {
	fmt.Fprintf(&p.b, "\n%s", pad("", 8))
	for level := range shades() {
		low, high := -1, -1
		for n := 0; n <= p.max; n++ {
			if p.level(n) == level {
				if low < 0 {
					low = n
				}
				high = n
			}
		}
		switch {
		case low < 0:
			continue
		case level == 0:
			p.shade(0)
			p.b.WriteString(" none")
		case low == high:
			p.shade(level)
			fmt.Fprintf(&p.b, " %d", low)
		default:
			p.shade(level)
			fmt.Fprintf(&p.b, " %d–%d", low, high)
		}
		p.b.WriteString("   ")
	}
	p.b.WriteString("due times " + unit + "\n")
}

// changes tells when the clock is changed.
func (p *heatPainter) changes(first, end time.Time, zone *time.Location) {
	for _, change := range plan.Changes(first.In(zone), end.In(zone)) {
		fmt.Fprintf(&p.b, "%s%s %s\n", pad("", 8), change.Before().Format("Mon 2 Jan:"), changeNote(change, change.Before()))
	}
}
