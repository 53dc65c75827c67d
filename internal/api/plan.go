package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// SetBody is the body of what is asked of a set of jobs.
type SetBody struct {
	// Jobs are definitions, as PUT takes one.
	Jobs []jsontext.Value `json:"jobs"`
	// Prune are files or folders: their jobs that the set lacks are removed.
	Prune []string `json:"prune,omitempty"`
	// Clusters are those that get topics.
	Clusters []string `json:"clusters,omitempty"`

	// Hours and From say what time is looked at, of a plan.
	Hours int       `json:"hours,omitzero"`
	From  time.Time `json:"from,omitzero"`
	// DryRun only says what would be done, of an apply.
	DryRun bool `json:"dry_run,omitzero"`
}

const (
	maxHours = 31 * 24
	maxPrune = 1000
)

type setInput struct {
	RawBody []byte `contentType:"application/json"`
}

type forecastOutput struct{ Body steer.Forecast }

type changesOutput struct {
	Body struct {
		Changes []steer.Change `json:"changes"`
	}
}

func (s *server) plans() {
	const tag = "Jobs"
	bad := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}
	route(s, operation{
		id: "plan-jobs", method: http.MethodPost, path: "/plan", tag: tag, role: access.Viewer, body: maxSet, raw: true, errors: bad,
		summary: "Say which due times a set of jobs would add, move or remove", about: "Nothing is changed.",
	}, s.plan)
	route(s, operation{
		id: "apply-jobs", method: http.MethodPost, path: "/apply", tag: tag, role: access.Editor, body: maxSet, raw: true, errors: bad,
		summary: "Put a set of jobs into force", about: "What has not changed is left alone. A set asks for no version: whoever has the files decides.",
	}, s.apply)
	route(s, operation{
		id: "next-due", method: http.MethodGet, path: "/jobs/{job}/next", tag: tag, role: access.Viewer, errors: []int{http.StatusNotFound},
		summary: "List the next due times of a job",
	}, s.next)
	route(s, operation{
		id: "load", method: http.MethodGet, path: "/load", tag: "System", role: access.Viewer,
		summary: "Count the due times of each minute ahead",
	}, s.load)
}

// set reads a set of jobs, all of which have to be good.
func set(body []byte) (SetBody, []job.Job, error) {
	var b SetBody
	if jsontext.Value(body).Kind() != '{' {
		return b, nil, huma.Error400BadRequest("the body is no JSON object")
	}
	if err := json.Unmarshal(body, &b, json.RejectUnknownMembers(true)); err != nil {
		return b, nil, huma.Error400BadRequest("the body is no set of jobs: " + err.Error())
	}
	switch {
	case len(b.Jobs) > job.MaxJobs:
		return b, nil, field("body.jobs", "has more than 250,000 jobs", "")
	case len(b.Prune) > maxPrune || len(b.Clusters) > maxPrune:
		return b, nil, field("body.prune", "and clusters have at most 1,000 entries", "")
	case b.Hours < 0 || b.Hours > maxHours:
		return b, nil, field("body.hours", "is from 1 to 744", "")
	}
	jobs := make([]job.Job, 0, len(b.Jobs))
	for _, value := range b.Jobs {
		j, err := definition(value)
		if err != nil {
			return b, nil, err
		}
		if problems := j.Validate(); len(problems) > 0 {
			return b, nil, unprocessable(of(j.Name, problems))
		}
		jobs = append(jobs, j)
	}
	return b, jobs, nil
}

// of says which job of a set the problems are of.
func of(name string, problems job.Problems) job.Problems {
	for i := range problems {
		problems[i].Field = "jobs." + name + "." + problems[i].Field
	}
	return problems
}

// changes are what a set does to the jobs that the principal may see.
func (s *server) changes(ctx context.Context, who access.Principal, b SetBody, jobs []job.Job) (map[string]topic.Job, []steer.Change, error) {
	have, err := s.Topics.Jobs(ctx)
	if err != nil {
		return nil, nil, err
	}
	v, prune := s.sight(who), steer.FromPaths(b.Prune)
	changes := steer.Plan(have, jobs, func(j job.Job) bool { return v.definition(&j) && prune(j) })
	for name, j := range have {
		if !v.definition(&j.Job) {
			delete(have, name)
		}
	}
	return have, changes, nil
}

func (s *server) plan(ctx context.Context, who access.Principal, in *setInput) (*forecastOutput, error) {
	b, jobs, err := set(in.RawBody)
	if err != nil {
		return nil, err
	}
	have, changes, err := s.changes(ctx, who, b, jobs)
	if err != nil {
		return nil, err
	}
	states, err := s.Topics.States(ctx, "")
	if err != nil {
		return nil, err
	}
	w := plan.Window{From: b.From}
	if w.From.IsZero() {
		w.From = s.Now()
	}
	if b.Hours == 0 {
		b.Hours = 24
	}
	w.From = w.From.Truncate(time.Second)
	w.To = w.From.Add(time.Duration(b.Hours) * time.Hour)
	f, err := steer.NewForecast(have, states.Jobs, changes, w)
	return &forecastOutput{f}, err
}

func (s *server) apply(ctx context.Context, who access.Principal, in *setInput) (*changesOutput, error) {
	b, jobs, err := set(in.RawBody)
	if err != nil {
		return nil, err
	}
	_, changes, err := s.changes(ctx, who, b, jobs)
	if err != nil {
		return nil, err
	}
	out := &changesOutput{}
	if out.Body.Changes = changes; changes == nil {
		out.Body.Changes = []steer.Change{}
	}
	if b.DryRun {
		return out, nil
	}
	// Clusters beyond the scope are left to others: files name clusters, or have
	// default ones, whoever applies them.
	clusters := slices.DeleteFunc(b.Clusters, func(c string) bool { return !(access.Scope{Clusters: who.Scope.Clusters}).Covers(c, nil) })
	for _, j := range jobs {
		clusters = append(clusters, j.Cluster)
	}
	if err := s.Steer.Ensure(ctx, who, clusters); err != nil {
		return nil, err
	}
	return out, s.Steer.Apply(ctx, who, changes)
}

type nextInput struct {
	Named
	Count int    `query:"count" minimum:"1" maximum:"10000" default:"10" doc:"How many due times."`
	From  string `query:"from" format:"date-time" doc:"Begin at this instant instead of now."`
}

type nextOutput struct{ Body nextBody }

type nextBody struct {
	Job      string    `json:"job"`
	Schedule string    `json:"schedule,omitempty"`
	Timezone string    `json:"timezone,omitempty"`
	Words    string    `json:"words,omitempty" doc:"The schedule in words."`
	Paused   bool      `json:"paused" doc:"None of the due times is run."`
	Due      []nextDue `json:"due"`
}

type nextDue struct {
	At  time.Time     `json:"at"`
	Gap time.Duration `json:"gap_ms,omitzero" doc:"How long after the one before."`
	Why string        `json:"why,omitempty" doc:"Why it is not run, if so."`
}

func (s *server) next(ctx context.Context, who access.Principal, in *nextInput) (*nextOutput, error) {
	row, err := s.getJob(ctx, who, &in.Named)
	if err != nil {
		return nil, err
	}
	from, err := moment(in.From, "query.from")
	if err != nil {
		return nil, err
	}
	if from.IsZero() {
		from = s.Now()
	}
	j := row.Body.Job.Job
	out := &nextOutput{nextBody{Job: j.Name, Schedule: j.Schedule, Timezone: j.Timezone, Paused: row.Body.Paused, Due: []nextDue{}}}
	compiled, err := j.Compile()
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("the schedule in force cannot be read: " + err.Error())
	}
	if compiled == nil {
		return out, nil
	}
	out.Body.Words = compiled.Describe()
	p := plan.Preview{Next: compiled.Next}
	excluded, err := new(job.Calendars).Exclusions(&j, compiled.Location())
	if err != nil {
		return nil, huma.Error422UnprocessableEntity("the calendars in force cannot be read: " + err.Error())
	}
	if excluded != nil {
		p.Reason = excluded.Reason
	}
	for _, u := range p.List(from.Add(-1), in.Count) {
		d := nextDue{At: u.At.In(compiled.Location()), Why: u.Why}
		if !u.Since.IsZero() {
			d.Gap = u.At.Sub(u.Since)
		}
		out.Body.Due = append(out.Body.Due, d)
	}
	return out, nil
}

type loadInput struct {
	Hours   int    `query:"hours" minimum:"1" maximum:"168" default:"24" doc:"How far ahead."`
	Cluster string `query:"cluster" maxLength:"100" doc:"Only jobs of this cluster."`
}

type loadOutput struct{ Body loadBody }

type loadBody struct {
	From time.Time `json:"from"`
	// Clusters are the due times of each minute from From on.
	Clusters map[string][]int `json:"clusters" doc:"Due times in each minute, by cluster."`
}

// load counts the due times of each minute ahead.
func (s *server) load(ctx context.Context, who access.Principal, in *loadInput) (*loadOutput, error) {
	have, err := s.Topics.Statuses(ctx, in.Cluster, s.Now())
	if err != nil {
		return nil, err
	}
	v := s.sight(who)
	w := plan.Window{From: s.Now().Truncate(time.Minute)}
	w.To = w.From.Add(time.Duration(in.Hours) * time.Hour)
	byCluster := map[string][]plan.Job{}
	var calendars job.Calendars
	for i := range have.Jobs {
		st := &have.Jobs[i]
		if !v.definition(&st.Job.Job) || still(st) {
			continue
		}
		due, err := steer.DueOf(st.Job.Job, &calendars)
		if err != nil {
			continue // a definition that is not valid is never due
		}
		c := st.Job.Job.Cluster
		byCluster[c] = append(byCluster[c], plan.Job{Name: st.Job.Job.Name, Same: true, Before: due})
	}
	out := &loadOutput{loadBody{From: w.From.UTC(), Clusters: map[string][]int{}}}
	for c, jobs := range byCluster {
		out.Body.Clusters[c] = plan.Compare(jobs, w).Before.PerMinute
	}
	return out, nil
}

// still reports whether no due time of the job is run.
func still(st *query.Status) bool { return st.Paused || st.Aside != "" }
