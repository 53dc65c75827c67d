package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/steer"
)

const (
	// maxTargets bounds what one form changes.
	maxTargets = 1000
	// maxForm bounds a form, in bytes: maxTargets names, or a job file.
	maxForm = 1 << 20
	// namedTargets is how many are named where it is asked back.
	namedTargets = 12
)

// form is what was posted to /act.
type form struct {
	action  action
	targets []target
	confirm int    // how many the reader was asked about and agreed to; -1 if not asked
	seen    string // the version that was seen, or the key of the form
	next    string // where to go on
}

// confirmBody asks back.
type confirmBody struct {
	Title, Verb, Note string
	Danger            bool
	Count             int
	Changed           bool // it was asked before, about another number
	Names             []string
	More              int
	Action            string
	Field             string // of the targets
	Values            []string
	Seen, Next        string
}

// act does what a form asks for. Many at once, or what cannot be undone, is asked
// back first, with the number; whoever agrees, agrees to that number.
func (s *Site) act(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	f, err := s.form(w, r, rd)
	if err != nil && r.Header.Get(htmxRequest) != "" {
		setFlash(w, flash{bad, err.Error()})
		goTo(w, r, f.next)
		return
	} else if err != nil {
		s.refuse(w, r, err)
		return
	}
	if f.confirm != len(f.targets) && (f.confirm >= 0 || f.action.asks || len(f.targets) > 1) {
		s.show(w, r, rd, http.StatusOK, frame{Page: "confirm", Title: f.action.verb, Body: confirmOf(&f)})
		return
	}
	at, failures := s.do(r.Context(), rd, &f)
	setFlash(w, outcomeOf(&f, failures))
	if slices.Contains([]string{"run", "replay", "requeue"}, f.action.name) && len(f.targets) == 1 && at != "" {
		f.next = "/runs/" + string(at)
	}
	goTo(w, r, f.next)
}

// htmxRequest is the header by which htmx is known.
const htmxRequest = "Hx-Request"

// goTo sends the browser on. Htmx would follow a redirect by itself, and the
// page with the flash would never be seen.
func goTo(w http.ResponseWriter, r *http.Request, next string) {
	if next == "" {
		next = "/"
	}
	if r.Header.Get(htmxRequest) != "" {
		w.Header().Set("Hx-Redirect", next)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// form reads what was posted, and finds what it names.
func (s *Site) form(w http.ResponseWriter, r *http.Request, rd reader) (form, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return form{}, &badRequestError{"The form could not be read: " + err.Error()}
	}
	v := r.PostForm
	f := form{confirm: -1, seen: v.Get("seen"), next: localPath(v.Get("next"))}
	i := slices.IndexFunc(actions(), func(a action) bool { return a.name == v.Get("action") })
	if i < 0 || s.o.Steer == nil {
		return f, &badRequestError{fmt.Sprintf("There is no action %q.", v.Get("action"))}
	}
	f.action = actions()[i]
	if err := rd.Who.May(f.action.role); err != nil {
		return f, err
	}
	if text := v.Get("confirm"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return f, &badRequestError{"The number that was agreed to cannot be read."}
		}
		f.confirm = n
	}
	var err error
	if f.action.noun == "job" {
		f.targets, err = s.jobTargets(r.Context(), rd, v)
	} else {
		f.targets, err = s.runTargets(r.Context(), rd, v["run"])
	}
	if err == nil && len(f.targets) == 0 {
		err = &badRequestError{"Nothing was selected: tick a box first."}
	}
	if err == nil && len(f.targets) > maxTargets {
		err = &badRequestError{fmt.Sprintf("%d are too many at once: at most %d.", len(f.targets), maxTargets)}
	}
	return f, err
}

// jobTargets are the jobs that were ticked, or all that the filter names.
func (s *Site) jobTargets(ctx context.Context, rd reader, v url.Values) ([]target, error) {
	var targets []target
	if v.Get("all") == "" {
		for _, name := range v["job"] {
			targets = append(targets, target{job: name})
		}
		return targets, nil
	}
	filter, err := jobQueryOf(v).filter()
	if err != nil {
		return nil, err
	}
	filter.After, filter.Limit = "", 500
	for {
		page, err := s.jobPage(ctx, rd, filter)
		if err != nil {
			return nil, err
		}
		for i := range page.Jobs {
			targets = append(targets, target{job: page.Jobs[i].Job.Job.Name})
		}
		if filter.After = page.Next; filter.After == "" || len(targets) > maxTargets {
			return targets, nil
		}
	}
}

// runTargets are the runs of those IDs.
func (s *Site) runTargets(ctx context.Context, rd reader, ids []string) ([]target, error) {
	targets := make([]target, 0, len(ids))
	if len(ids) > maxTargets {
		return nil, &badRequestError{fmt.Sprintf("%d are too many at once: at most %d.", len(ids), maxTargets)}
	}
	for _, id := range ids {
		d, err := s.detail(ctx, rd, id)
		if err != nil {
			return nil, err
		}
		one := target{job: d.Row.Job, find: query.Found{ID: d.Row.ID, Job: d.Row.Job, Due: d.Row.Due, Cluster: d.Row.Cluster}}
		if d.Definition != nil {
			one.then = &d.Definition.Job.Job
		}
		targets = append(targets, one)
	}
	return targets, nil
}

// localPath is a path of this site, or the first page.
func localPath(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n") {
		return "/"
	}
	return next
}

func confirmOf(f *form) confirmBody {
	n := len(f.targets)
	b := confirmBody{
		Title: fmt.Sprintf("%s %s?", f.action.verb, counted(n, f.action.noun)), Verb: fmt.Sprintf("%s %s", f.action.verb, counted(n, f.action.noun)),
		Note: f.action.note, Danger: f.action.danger, Count: n, Changed: f.confirm >= 0, Action: f.action.name,
		Field: f.action.noun, Seen: f.seen, Next: f.next, More: max(0, n-namedTargets),
	}
	if n == 1 {
		b.Title = fmt.Sprintf("%s %s?", f.action.verb, f.targets[0].Name())
		b.Verb = f.action.verb
	}
	for i, t := range f.targets {
		if i < namedTargets {
			b.Names = append(b.Names, t.Name())
		}
		value := t.job
		if t.find.ID != "" {
			value = string(t.find.ID)
		}
		b.Values = append(b.Values, value)
	}
	return b
}

// do does it to each, and goes on where one fails. Of a single run that came of
// it, it returns the ID.
func (s *Site) do(ctx context.Context, rd reader, f *form) (run.ID, []error) {
	who := rd.Who
	who.Via = access.Web
	var failures []error
	var made run.ID
	for _, t := range f.targets {
		seen := f.seen
		if f.action.name == "delete" && seen == "" {
			seen = steer.AnyVersion
		}
		id, err := f.action.do(ctx, s.o.Steer, who, t, seen)
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", t.Name(), err))
		} else if f.action.name == "pause" || f.action.name == "resume" {
			s.mu.Lock()
			s.wishes.note(t.job, f.action.name == "pause", rd.clock.now)
			s.mu.Unlock()
		}
		made = id
	}
	return made, failures
}

// outcomeOf says what came of it.
func outcomeOf(f *form, failures []error) flash {
	n := len(f.targets)
	what := counted(n-len(failures), f.action.noun)
	if n == 1 {
		what = f.targets[0].Name()
	}
	if len(failures) == 0 {
		return flash{good, f.action.done + " " + what + "."}
	}
	text := fmt.Sprintf("%s failed: ", f.action.verb)
	if n > 1 {
		text = fmt.Sprintf("%s %s; %d failed: ", f.action.done, what, len(failures))
	}
	shown := failures[:min(3, len(failures))]
	return flash{bad, text + strings.ReplaceAll(errors.Join(shown...).Error(), "\n", "; ") + "."}
}

// deadFilterOf reads the filter of the dead letters.
func deadFilterOf(v url.Values) history.DeadFilter {
	return history.DeadFilter{Job: v.Get("job"), Cluster: v.Get("cluster"), Reason: v.Get("reason"), Waiting: v.Get("all") == "", After: v.Get("after"), Limit: pageRows}
}
