package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// loadHours is how far ahead the load is counted, loadStep how much of it a
	// column stands for.
	loadHours = 24
	loadStep  = 15 * time.Minute
	// maxLoad bounds the due times that are counted.
	maxLoad = 2_000_000
	// collisions is how many busy minutes are told, suggestedJobs how many jobs
	// of each.
	collisions    = 5
	suggestedJobs = 6
)

// loadBody is what will be due, and where it comes together.
type loadBody struct {
	Clusters []clusterLoad
	Cut      bool
}

// clusterLoad is the load of a cluster.
type clusterLoad struct {
	Name  string
	Total int
	Slots int
	Chart columns
	Busy  []collision
}

// collision is a minute in which many jobs are due.
type collision struct {
	At    moment
	Count int
	Jobs  []suggestion
	More  int
}

// suggestion is how a job could be spread.
type suggestion struct {
	Job      string
	Schedule string
	Instead  string // a schedule, or empty
	Href     string // the editor with it, or the job
}

// minutes counts due times by minute, and keeps who is due there.
type minutes struct {
	count [loadHours * 60]int
	jobs  [loadHours * 60][]*dueJob
}

func (s *Site) load(ctx context.Context, _ *http.Request, rd reader) (frame, error) {
	ahead, err := s.forecast(ctx)
	if err != nil {
		return frame{}, err
	}
	o, err := s.o.History.Overview(ctx, rd.clock.now)
	if err != nil {
		return frame{}, fmt.Errorf("reading the slots: %w", err)
	}
	slots := map[string]int{}
	for _, one := range o.Slots {
		slots[one.Cluster] = one.Total
	}
	from := rd.clock.now.Truncate(time.Minute)
	clusters, cut := ahead.minutes(rd, from)
	b := loadBody{Cut: cut}
	for name, m := range clusters {
		b.Clusters = append(b.Clusters, loadOf(name, m, from, slots[name], rd))
	}
	slices.SortFunc(b.Clusters, func(x, y clusterLoad) int { return cmp.Or(strings.Compare(x.Name, y.Name)) })
	return frame{Page: "load", Title: "Load", Nav: "/load", Body: b}, nil
}

// minutes counts what is due in each minute from from on, by cluster.
func (f *forecast) minutes(rd reader, from time.Time) (clusters map[string]*minutes, cut bool) {
	clusters = map[string]*minutes{}
	end := from.Add(loadHours * time.Hour)
	looked := 0
	for _, j := range f.jobs {
		if j.paused || j.due.Next == nil || !rd.covers(j.def.Cluster, j.def.Labels) {
			continue
		}
		m := clusters[j.def.Cluster]
		if m == nil {
			m = &minutes{}
			clusters[j.def.Cluster] = m
		}
		for at, ok := j.due.Next(from.Add(-1)); ok && at.Before(end); at, ok = j.due.Next(at) {
			if looked++; looked > maxLoad {
				return clusters, true
			}
			if j.due.Skipped != nil && j.due.Skipped(at) {
				continue
			}
			i := int(at.Sub(from) / time.Minute)
			m.count[i]++
			if n := len(m.jobs[i]); n < 200 && (n == 0 || m.jobs[i][n-1] != j) {
				m.jobs[i] = append(m.jobs[i], j)
			}
		}
	}
	return clusters, f.cut
}

func loadOf(name string, m *minutes, from time.Time, slots int, rd reader) clusterLoad {
	l := clusterLoad{Name: name, Slots: slots}
	var cols []column
	highest := 0
	step := int(loadStep / time.Minute)
	for i := 0; i < len(m.count); i += step {
		busiest, at := 0, i
		for k := i; k < i+step; k++ {
			l.Total += m.count[k]
			if m.count[k] > busiest {
				busiest, at = m.count[k], k
			}
		}
		class := "busy"
		if slots > 0 && busiest > slots {
			class = "late"
		}
		highest = max(highest, busiest)
		title := fmt.Sprintf("%s: %s in its busiest minute", rd.clock.short(from.Add(time.Duration(at)*time.Minute)), counted(busiest, "run"))
		cols = append(cols, column{Parts: []part{{class, float64(busiest)}}, Title: title})
	}
	l.Chart = columnsOf(cols, 80, fmt.Sprintf("Runs due in %s in the next %d hours: %s in all, at most %d in a minute.", name, loadHours, grouped(l.Total), highest))
	l.Chart.Max = "at most " + counted(highest, "run") + " a minute"
	l.Chart.Ticks = []string{"now", "in 6 h", "12 h", "18 h", "24 h"}
	l.Busy = busiest(m, from, rd.clock)
	return l
}

// busiest are the minutes with the most jobs, where several jobs meet.
func busiest(m *minutes, from time.Time, c clock) []collision {
	order := make([]int, 0, len(m.count))
	for i := range m.count {
		if len(m.jobs[i]) > 1 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(m.count[b], m.count[a]) })
	var out []collision
	seen := map[string]bool{} // the same jobs meet again every hour
	for _, i := range order {
		var names []string
		for _, j := range m.jobs[i] {
			names = append(names, j.def.Name)
		}
		key := strings.Join(names, "\x00")
		if seen[key] {
			continue
		}
		seen[key] = true
		one := collision{At: c.moment(from.Add(time.Duration(i) * time.Minute)), Count: m.count[i], More: max(0, len(m.jobs[i])-suggestedJobs)}
		for _, j := range m.jobs[i][:min(suggestedJobs, len(m.jobs[i]))] {
			one.Jobs = append(one.Jobs, suggest(j))
		}
		if out = append(out, one); len(out) == collisions {
			break
		}
	}
	return out
}

// suggest says how a job could be spread: H for a fixed minute lets the job's
// name choose one. A minute that means something stays.
func suggest(j *dueJob) suggestion {
	sg := suggestion{Job: j.def.Name, Schedule: j.def.Schedule, Href: jobPath(j.def.Name)}
	fields := strings.Fields(j.def.Schedule)
	if j.def.Seconds || len(fields) != 5 || j.def.Jitter > 0 {
		return sg
	}
	switch minute := fields[0]; {
	case minute == "0":
		fields[0] = "H"
	case strings.HasPrefix(minute, "*/"):
		fields[0] = "H" + strings.TrimPrefix(minute, "*")
	default:
		return sg
	}
	sg.Instead = strings.Join(fields, " ")
	sg.Href = "/edit/" + (&url.URL{Path: j.def.Name}).EscapedPath() + "?schedule=" + url.QueryEscape(sg.Instead)
	return sg
}
