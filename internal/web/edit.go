package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/lint"
	"github.com/belfry-cron/belfry/internal/plan"
	"github.com/belfry-cron/belfry/internal/steer"
)

// planHours is how far ahead an edit's due times are compared.
const planHours = 24

// editBody is the editor of one job.
type editBody struct {
	Name     string // empty of a new job
	Text     string
	Seen     string // the version that is edited
	Back     string
	Preview  previewBody
	Conflict *conflict
	Problem  string // why it was not saved
	Foreign  string // why the definition cannot be edited here
	File     string // where the job comes from
}

// conflict says that somebody else was faster.
type conflict struct {
	By    string
	At    moment
	Lines []diffLine // from what the reader began with to what is in force now
}

// previewBody is what the text means.
type previewBody struct {
	Name     string
	Words    string
	Zone     string
	Upcoming []dueRow
	Findings []finding
	Broken   bool // it cannot be saved as it is
	Diff     []diffLine
	Plan     *planned
}

// finding is something wrong, or seldom meant.
type finding struct {
	Tone    tone
	Code    string
	Line    int
	Field   string
	Message string
	Hint    string
}

// planned is how the due times of the next hours change.
type planned struct {
	Added, Removed, Moved, Kept int
	Fires                       []plannedFire
	More                        int
}

// plannedFire is a due time that changes.
type plannedFire struct {
	Class string
	Words string
}

// fileName is the name under which findings know the text.
const fileName = "job.yaml"

func newJobText() string {
	return "jobs:\n  - name: my/job\n    schedule: \"0 3 * * *\"\n    timezone: UTC\n    command: echo hello\n"
}

func (s *Site) edit(ctx context.Context, r *http.Request, rd reader) (frame, error) {
	if s.o.Steer == nil {
		return frame{}, &missingError{"This server changes nothing."}
	}
	if err := rd.Who.May(access.Editor); err != nil {
		return frame{}, err
	}
	name := r.PathValue("name")
	b := editBody{Name: name, Text: newJobText(), Back: "/jobs", Seen: steer.NoVersion}
	var have *history.JobRow
	if name != "" {
		row, err := s.o.History.Job(ctx, name, rd.clock.now)
		if err != nil {
			return frame{}, fmt.Errorf("reading job %s: %w", name, err)
		}
		def := row.Job.Job
		if err := rd.Who.MayWith(access.Editor, name, def.Cluster, def.Labels); err != nil {
			return frame{}, err
		}
		b.Back, b.Seen, b.File, have = jobPath(name), row.Version, def.Source, &row
		b.Text = definitionText(def)
		if !writable(def) {
			b.Foreign = "It holds something that the editor cannot write. Change it with belfry apply."
		}
		if schedule := r.URL.Query().Get("schedule"); schedule != "" && b.Foreign == "" {
			def.Schedule = schedule
			b.Text = definitionText(def)
		}
	}
	b.Preview = s.previewOf(b.Text, have, rd.clock)
	title := "New job"
	if name != "" {
		title = "Edit " + name
	}
	return frame{Page: "edit", Title: title, Nav: "/jobs", Body: b}, nil
}

// writable reports whether the text of a definition means that definition.
func writable(def job.Job) bool {
	back, problems := jobOf(definitionText(def))
	if len(problems) > 0 {
		return false
	}
	back.Source, back.Unknown, def.Unknown = def.Source, nil, nil
	return reflect.DeepEqual(back, def) || back.Digest() == def.Digest()
}

// jobOf reads the one job of a text.
func jobOf(text string) (job.Job, job.Problems) {
	set, problems := job.Survey([]job.File{{Name: fileName, Data: []byte(text)}})
	if len(problems) == 0 && len(set.Jobs) != 1 {
		problems = job.Problems{{File: fileName, Message: fmt.Sprintf("there are %s in the text", counted(len(set.Jobs), "job")), Hint: "the editor saves one: use belfry apply for more"}}
	}
	if len(problems) > 0 || len(set.Jobs) != 1 {
		return job.Job{}, problems
	}
	return set.Jobs[0], nil
}

// previewOf says what a text means, and how it differs from the job in force.
func (s *Site) previewOf(text string, have *history.JobRow, c clock) previewBody {
	set, problems := job.Survey([]job.File{{Name: fileName, Data: []byte(text)}})
	var p previewBody
	for _, one := range problems {
		p.Findings = append(p.Findings, finding{Tone: bad, Line: one.Line, Field: one.Field, Message: one.Message, Hint: one.Hint})
	}
	for _, one := range lint.Check(set, c.now) {
		if one.Code == lint.Invalid {
			continue
		}
		t := late
		if one.Severity == lint.Note {
			t = none
		}
		p.Findings = append(p.Findings, finding{Tone: t, Code: string(one.Code), Line: one.Line, Field: one.Field, Message: one.Message, Hint: one.Hint})
	}
	if len(problems) == 0 && len(set.Jobs) != 1 {
		p.Findings = append(p.Findings, finding{Tone: bad, Message: fmt.Sprintf("There are %s in the text: the editor saves one.", counted(len(set.Jobs), "job"))})
	}
	p.Broken = len(problems) > 0 || len(set.Jobs) != 1
	if len(set.Jobs) == 0 {
		return p
	}
	j := set.Jobs[0]
	p.Name, p.Zone = j.Name, j.Timezone
	if compiled, err := j.Compile(); err == nil {
		p.Words = "only when asked to"
		if compiled != nil {
			p.Words = compiled.Describe()
		}
	}
	p.Upcoming = upcoming(j, c)
	if have != nil && !p.Broken {
		p.Diff = changedOnly(diffLines(definitionText(have.Job.Job), definitionText(j)))
		p.Plan = planOf(have, j, c)
	}
	return p
}

// changedOnly is nil where nothing differs.
func changedOnly(all []diffLine) []diffLine {
	if slices.ContainsFunc(all, func(l diffLine) bool { return l.Class != "" }) {
		return all
	}
	return nil
}

// listedFires is how many changed due times are listed.
const listedFires = 10

// planOf compares the due times of the next hours before and after an edit.
func planOf(have *history.JobRow, j job.Job, c clock) *planned {
	var calendars job.Calendars
	row := *have
	before := dueOf(&row, &calendars)
	row.Job.Job = j
	after := dueOf(&row, &calendars)
	if after.paused = have.Paused && !have.Job.Job.Paused || j.Paused; after.paused {
		after.due = plan.Due{}
	}
	if before.paused {
		before.due = plan.Due{}
	}
	from := c.now.Truncate(time.Second)
	result := plan.Compare([]plan.Job{{Name: j.Name, Before: before.due, After: after.due}}, plan.Window{From: from, To: from.Add(planHours * time.Hour)})
	d := result.Jobs[0]
	p := &planned{Added: d.Added, Removed: d.Removed, Moved: d.Moved, Kept: d.Kept, More: max(0, len(d.Fires)-listedFires)}
	for _, f := range d.Fires[:min(listedFires, len(d.Fires))] {
		switch f.Kind {
		case plan.Added:
			p.Fires = append(p.Fires, plannedFire{"add", c.short(f.Now)})
		case plan.Removed:
			p.Fires = append(p.Fires, plannedFire{"del", c.short(f.Was)})
		case plan.Moved:
			p.Fires = append(p.Fires, plannedFire{"", c.short(f.Was) + " → " + c.short(f.Now)})
		}
	}
	return p
}

// editForm reads what the editor posted.
func (s *Site) editForm(w http.ResponseWriter, r *http.Request, rd reader) (url.Values, error) {
	if err := rd.Who.May(access.Editor); err != nil {
		return nil, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, &badRequestError{"The form could not be read: " + err.Error()}
	}
	return r.PostForm, nil
}

// preview answers the editor with what the text means so far.
func (s *Site) preview(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	v, err := s.editForm(w, r, rd)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	p := s.previewOf(unixLines(v.Get("text")), s.inForce(r.Context(), rd, v.Get("job")), rd.clock)
	s.show(w, r, rd, http.StatusOK, frame{Page: "preview", Body: p})
}

// inForce is the job of that name if the reader may see it, else nil.
func (s *Site) inForce(ctx context.Context, rd reader, name string) *history.JobRow {
	if name == "" {
		return nil
	}
	row, err := s.o.History.Job(ctx, name, rd.clock.now)
	if err != nil || !rd.covers(row.Job.Job.Cluster, row.Job.Job.Labels) {
		return nil
	}
	return &row
}

// unixLines undoes what a form does to the ends of lines.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// save puts the edited job into force, if nobody else was faster.
func (s *Site) save(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	v, err := s.editForm(w, r, rd)
	if err == nil && s.o.Steer == nil {
		err = &missingError{"This server changes nothing."}
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	name := r.PathValue("name")
	have := s.inForce(r.Context(), rd, name)
	b := editBody{Name: name, Text: unixLines(v.Get("text")), Seen: v.Get("seen"), Back: "/jobs"}
	b.Preview = s.previewOf(b.Text, have, rd.clock)
	if name != "" {
		b.Back = jobPath(name)
	}
	j, problems := jobOf(b.Text)
	switch {
	case len(problems) > 0:
		b.Problem = "It is not saved: something in it is wrong."
	case name != "" && j.Name != name:
		b.Problem = fmt.Sprintf("It is not saved: the text names job %s. A job keeps its name; for another one make a new job.", j.Name)
	default:
		s.put(w, r, rd, &b, j, have)
		return
	}
	s.show(w, r, rd, http.StatusUnprocessableEntity, frame{Page: "edit", Title: "Edit " + name, Nav: "/jobs", Body: b})
}

// put saves, and says so or why not.
func (s *Site) put(w http.ResponseWriter, r *http.Request, rd reader, b *editBody, j job.Job, have *history.JobRow) {
	who := rd.Who
	who.Via = access.Web
	j.Source = ""
	if have != nil {
		j.Source = have.Job.Job.Source
	}
	_, err := s.o.Steer.PutJob(r.Context(), who, j, b.Seen)
	var version *steer.VersionError
	var invalid *steer.InvalidError
	status := http.StatusUnprocessableEntity
	switch {
	case err == nil:
		setFlash(w, flash{good, "Saved " + j.Name + "."})
		http.Redirect(w, r, jobPath(j.Name), http.StatusSeeOther)
		return
	case errors.As(err, &version):
		status = http.StatusConflict
		b.Conflict = s.conflictOf(r.Context(), rd, j.Name, version)
		b.Seen = version.InForce
	case errors.As(err, &invalid):
		b.Problem = "It is not saved: " + strings.ReplaceAll(invalid.Problems.Error(), "\n", "; ")
	default:
		s.refuse(w, r, err)
		return
	}
	s.show(w, r, rd, status, frame{Page: "edit", Title: "Edit " + j.Name, Nav: "/jobs", Body: *b})
}

// conflictOf says who changed the job meanwhile, and what.
func (s *Site) conflictOf(ctx context.Context, rd reader, name string, e *steer.VersionError) *conflict {
	c := &conflict{}
	definitions, err := s.o.History.Definitions(ctx, name)
	if err != nil {
		return c
	}
	var was, is string
	for _, d := range definitions {
		switch d.Version {
		case e.InForce:
			is = definitionText(d.Job.Job)
			c.By, c.At = d.AppliedBy, rd.clock.moment(d.AppliedAt)
		case e.Seen:
			was = definitionText(d.Job.Job)
		}
	}
	c.Lines = diffLines(was, is)
	return c
}
