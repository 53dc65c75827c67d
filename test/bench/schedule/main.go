// Command schedule measures how long the next due time of an expression takes
// to find, beside other Go libraries in the same run, and says where their
// due times in the year 2026 are not Belfry's.
//
// It is a module of its own, so that Belfry does not depend on what it is
// measured against: go -C test/bench/schedule run .
package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
	_ "time/tzdata"

	"github.com/belfry-cron/belfry/internal/schedule"
)

func main() {
	if err := bench(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-schedule:", err)
		os.Exit(1)
	}
}

// next is the question: the first due time after an instant, zero for none.
type next func(after time.Time) time.Time

// library makes a next of an expression of five fields.
type library struct {
	name, version string
	parse         func(expression string, zone *time.Location) (next, error)
}

func belfry(expression string, zone *time.Location) (next, error) {
	s, err := schedule.Parse(expression, schedule.Options{Location: zone})
	if err != nil {
		return nil, err
	}
	return func(after time.Time) time.Time {
		due, _ := s.Next(after)
		return due
	}, nil
}

// question is an expression in a zone, asked from a year on.
type question struct {
	expression, zone string
	year             int
}

func questions() []question {
	return []question{
		{"* * * * *", "UTC", 2026},
		{"* * * * *", "Europe/Berlin", 2026},
		{"*/5 * * * *", "Europe/Berlin", 2026},
		{"0 3 * * *", "UTC", 2026},
		{"0 3 * * *", "Europe/Berlin", 2026},
		{"30 2 * * *", "Europe/Berlin", 2026},
		{"30 2 * * 1-5", "America/New_York", 2026},
		{"*/15 8-18 * * 1-5", "Europe/Berlin", 2026},
		{"0 0 1 * *", "Europe/Berlin", 2026},
		{"0 12 13 * 5", "Asia/Kolkata", 2026},
		{"0 0 29 2 *", "Europe/Berlin", 2026},
		// Beyond 2037 zones have no table of changes, only a rule.
		{"* * * * *", "Europe/Berlin", 2050},
		{"0 3 * * *", "Europe/Berlin", 2050},
	}
}

func bench() error {
	libraries := append([]library{{"Belfry", "", belfry}}, others()...)
	fmt.Printf("%s %s/%s, %s, %s\n\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, processor(), time.Now().Format(time.DateOnly))
	fmt.Println("| expression | zone | from |", heads(libraries))
	fmt.Println("|---|---|--:|" + strings.Repeat("--:|", len(libraries)))
	for _, q := range questions() {
		cells, err := row(q, libraries)
		if err != nil {
			return err
		}
		fmt.Printf("| `%s` | %s | %d | %s |\n", q.expression, q.zone, q.year, strings.Join(cells, " | "))
	}
	fmt.Println()
	return rarest()
}

func heads(libraries []library) string {
	var b strings.Builder
	for _, l := range libraries {
		b.WriteString(strings.TrimSpace(l.name+" "+l.version) + " | ")
	}
	return strings.TrimRight(b.String(), " ")
}

// row measures one question. A cell is nanoseconds and allocations for one
// answer, with ≠ where the year 2026 is another than Belfry's.
func row(q question, libraries []library) ([]string, error) {
	zone, err := time.LoadLocation(q.zone)
	if err != nil {
		return nil, err
	}
	var cells []string
	var ours []int64
	for i, l := range libraries {
		ask, err := l.parse(q.expression, zone)
		if err != nil {
			cells = append(cells, "refused")
			continue
		}
		theirs := year(ask, zone)
		if i == 0 {
			ours = theirs
		}
		// A walk, as a scheduler goes, from the summer on and for a year.
		start := time.Date(q.year, 7, 1, 12, 34, 56, 0, zone)
		at := start
		took, allocs := measure(func() {
			if at = ask(at); at.IsZero() || at.Year() > q.year+1 {
				at = start
			}
		})
		cell := fmt.Sprintf("%.0f ns, %.0f", took, allocs)
		if !slices.Equal(ours, theirs) {
			cell += " ≠"
		}
		cells = append(cells, cell)
	}
	return cells, nil
}

// year is all due times of 2026, at most one a minute.
func year(ask next, zone *time.Location) []int64 {
	var out []int64
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, zone).Add(-time.Second)
	for range 366 * 24 * 60 {
		if at = ask(at); at.IsZero() || at.Year() > 2026 {
			break
		}
		out = append(out, at.Unix())
	}
	return out
}

// measure is the time in ns of one call, the least of several rounds since
// the machine may be busy, and its allocations.
func measure(f func()) (ns, allocs float64) {
	const rounds, each = 15, 10 * time.Millisecond
	n := 1
	for {
		start := time.Now()
		for range n {
			f()
		}
		if took := time.Since(start); took > time.Millisecond {
			n = max(1, int(float64(n)*float64(each)/float64(took)))
			break
		}
		n *= 2
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range rounds {
		start := time.Now()
		for range n {
			f()
		}
		took := float64(time.Since(start).Nanoseconds()) / float64(n)
		if ns == 0 || took < ns {
			ns = took
		}
	}
	runtime.ReadMemStats(&after)
	return ns, float64(int(float64(after.Mallocs-before.Mallocs)/float64(n*rounds) + 0.5))
}

// rarest looks for the worst case: 29 February on a Monday, within a repeated
// hour of the clock and without, asked at each change of the clock up to 2400.
func rarest() error {
	fmt.Println("| the worst start of all changes of the clock, 1970 to 2400 | zone | from | ns | allocations |")
	fmt.Println("|---|---|---|--:|--:|")
	for _, q := range []question{
		{"30 2 ? 2 1#5", "Europe/Berlin", 2026},
		{"*/30 2 ? 2 1#5", "Europe/Berlin", 2026},
		{"30 1 ? 2 1#5", "America/New_York", 2026},
		{"*/30 * ? 2 1#5", "Australia/Lord_Howe", 2026},
		{"59 23 29W 2 ?", "Africa/Casablanca", 2026},
	} {
		zone, err := time.LoadLocation(q.zone)
		if err != nil {
			return err
		}
		ask, err := belfry(q.expression, zone)
		if err != nil {
			return err
		}
		from := worst(ask, zone)
		took, allocs := measure(func() { ask(from) })
		fmt.Printf("| `%s` | %s | %s | %.0f | %.0f |\n", q.expression, q.zone, from.Format(time.DateOnly), took, allocs)
	}
	return nil
}

// worst is the change of the clock from which an answer takes longest.
func worst(ask next, zone *time.Location) time.Time {
	var found time.Time
	var longest time.Duration
	for at := time.Date(1970, 1, 2, 0, 0, 0, 0, zone); at.Year() < 2400; {
		_, change := at.ZoneBounds()
		if change.IsZero() {
			break
		}
		if !change.After(at) { // on 31 December of some years
			change = at.Add(24 * time.Hour)
		}
		at = change
		least := time.Hour
		for range 20 {
			start := time.Now()
			ask(at)
			least = min(least, time.Since(start))
		}
		if least > longest {
			longest, found = least, at
		}
	}
	return found
}

// processor is the machine's, as Linux names it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.Trim(name, "\t :\n")
		}
	}
	return "unknown processor"
}
