package web

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
)

// jobsBody is the list of jobs.
type jobsBody struct {
	Filter  jobQuery
	Total   int
	Rows    []jobLine
	Next    string // the address of the next page
	First   string // of the first, if this is another
	Healths []choice
	Hidden  map[string]string // the filter, for a change of all that it names
	Any     bool              // there are jobs, though maybe none that the filter lets in
}

// choice is a link of a row of filters.
type choice struct {
	Word, Href string
	On         bool
}

// jobLine is a job in the list.
type jobLine struct {
	Name, Description string
	Cluster           string
	Labels            []string
	Schedule, Words   string
	Zone              string
	Mark              mark
	Note              string // more about the mark
	Strip             strip
	Next, LastSuccess moment
	Paused            bool
}

// jobQuery is a filter of jobs as the address holds it.
type jobQuery struct {
	Text, Cluster, Label, Health, After string
}

func jobQueryOf(v url.Values) jobQuery {
	return jobQuery{
		Text: v.Get("text"), Cluster: v.Get("cluster"), Label: v.Get("label"), Health: v.Get("health"), After: v.Get("after"),
	}
}

// address is where the list with that filter is.
func (q jobQuery) address() string {
	v := url.Values{}
	for key, value := range map[string]string{"text": q.Text, "cluster": q.Cluster, "label": q.Label, "health": q.Health, "after": q.After} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if len(v) == 0 {
		return "/jobs"
	}
	return "/jobs?" + v.Encode()
}

// filter is the filter for history.
func (q jobQuery) filter() (history.JobFilter, error) {
	f := history.JobFilter{Text: strings.TrimSpace(q.Text), Cluster: q.Cluster, Health: history.Health(q.Health), After: q.After, Limit: pageRows}
	if f.Health != "" && !slices.Contains(healths(), f.Health) {
		return f, &badRequestError{fmt.Sprintf("There is no health %q: there are failing, late, running, paused, aside and ok.", q.Health)}
	}
	labels, err := labelsOf(q.Label)
	f.Labels = labels
	return f, err
}

func healths() []history.Health {
	return []history.Health{history.HealthFailing, history.HealthLate, history.HealthRunning, history.HealthPaused, history.HealthAside, history.HealthOK}
}

// labelsOf reads "team=web, tier=1".
func labelsOf(text string) (map[string]string, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	labels := map[string]string{}
	for one := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(one), "=")
		if !ok || key == "" {
			return nil, &badRequestError{fmt.Sprintf("A label is written key=value; %q is not.", strings.TrimSpace(one))}
		}
		labels[key] = value
	}
	return labels, nil
}

// jobPage asks history for jobs that the reader may see.
func (s *Site) jobPage(ctx context.Context, rd reader, f history.JobFilter) (history.JobPage, error) {
	scope := rd.Who.Scope
	if len(scope.Labels) > 0 {
		f.Labels = maps.Clone(f.Labels)
		if f.Labels == nil {
			f.Labels = map[string]string{}
		}
		for key, value := range scope.Labels {
			if asked, ok := f.Labels[key]; ok && asked != value {
				return history.JobPage{}, nil
			}
			f.Labels[key] = value
		}
	}
	if len(scope.Clusters) == 1 && f.Cluster == "" {
		f.Cluster = scope.Clusters[0]
	}
	page, err := s.o.History.Jobs(ctx, f, rd.clock.now)
	if err != nil {
		return page, fmt.Errorf("reading the jobs: %w", err)
	}
	for i := range page.Jobs {
		s.wished(&page.Jobs[i], rd.clock.now)
	}
	page.Jobs = slices.DeleteFunc(page.Jobs, func(j history.JobRow) bool { return !rd.covers(j.Job.Job.Cluster, j.Job.Job.Labels) })
	return page, nil
}

func (s *Site) jobs(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	q := jobQueryOf(r.URL.Query())
	filter, err := q.filter()
	if err != nil {
		return frame{}, err
	}
	page, err := s.jobPage(ctx, rd, filter)
	if err != nil {
		return frame{}, err
	}
	b := jobsBody{Hidden: map[string]string{"text": q.Text, "cluster": q.Cluster, "label": q.Label, "health": q.Health}, Filter: q, Total: page.Total, Any: q != jobQuery{} || len(page.Jobs) > 0}
	for i := range page.Jobs {
		b.Rows = append(b.Rows, jobLineOf(&page.Jobs[i], rd.clock))
	}
	if page.Next != "" {
		next := q
		next.After = page.Next
		b.Next = next.address()
	}
	if q.After != "" {
		first := q
		first.After = ""
		b.First = first.address()
	}
	for _, h := range append([]history.Health{""}, healths()...) {
		one := q
		one.Health, one.After = string(h), ""
		word := string(h)
		switch h {
		case "":
			word = "all"
		case history.HealthAside:
			word = "set aside"
		case history.HealthFailing, history.HealthLate, history.HealthRunning, history.HealthPaused, history.HealthOK:
		}
		b.Healths = append(b.Healths, choice{Word: word, Href: one.address(), On: q.Health == string(h)})
	}
	return frame{Page: "jobs", Title: "Jobs", Nav: "/jobs", Live: "all=1", Body: b}, nil
}

func jobLineOf(j *history.JobRow, c clock) jobLine {
	def := &j.Job.Job
	l := jobLine{
		Name: def.Name, Description: def.Description, Cluster: def.Cluster, Schedule: def.Schedule, Zone: def.Timezone,
		Mark: healthOf(j), Strip: stripOf(j.Strip, c), Next: c.moment(j.Next), LastSuccess: c.moment(j.LastSuccess), Paused: j.Paused,
	}
	for _, key := range slices.Sorted(maps.Keys(def.Labels)) {
		l.Labels = append(l.Labels, key+"="+def.Labels[key])
	}
	l.Words = inWords(j)
	if j.FailuresInRow > 1 {
		l.Note = fmt.Sprintf("%d in a row", j.FailuresInRow)
	}
	return l
}

// inWords is a job's schedule in words.
func inWords(j *history.JobRow) string {
	compiled, err := j.Job.Job.Compile()
	switch {
	case err != nil:
		return "not valid"
	case compiled == nil:
		return "only when asked to"
	}
	return compiled.Describe()
}
