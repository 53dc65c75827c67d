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

// action is something that can be done to jobs or runs.
type action struct {
	name   string
	verb   string // "Pause"
	done   string // "Paused"
	noun   string // what it is done to
	danger bool
	asks   bool // it is asked back even for one
	role   access.Role
	note   string // what people should know before
	do     func(ctx context.Context, s *steer.Steer, who access.Principal, t target, seen string) (run.ID, error)
}

// target is what something is done to: a job, or a run of it.
type target struct {
	job  string
	find query.Found
}

// Name is how people know it.
func (t target) Name() string {
	if t.find.ID == "" {
		return t.job
	}
	return t.job + " " + shortID(t.find.ID)
}

func asked(a steer.Asked, err error) (run.ID, error) { return a.Run, err }

// actions are all there are.
func actions() []action {
	type who = access.Principal
	return []action{
		{
			name: "pause", verb: "Pause", done: "Paused", noun: "job", role: access.Operator,
			note: "Due times of a paused job are skipped, and stand in its list with that reason.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Pause(ctx, w, t.job))
			},
		},
		{
			name: "resume", verb: "Resume", done: "Resumed", noun: "job", role: access.Operator,
			note: "Due times that were skipped meanwhile stay skipped.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Resume(ctx, w, t.job))
			},
		},
		{
			name: "run", verb: "Run", done: "Asked for a run of", noun: "job", role: access.Operator,
			note: "Each of them is run once, now, whatever its schedule says.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, key string) (run.ID, error) {
				return asked(s.Run(ctx, w, t.job, steer.RunOptions{Key: key}))
			},
		},
		{
			name: "delete", verb: "Delete", done: "Deleted", noun: "job", role: access.Editor, danger: true, asks: true,
			note: "Its history stays. A job that comes from a file comes back when the file is applied.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, seen string) (run.ID, error) {
				return "", s.DeleteJob(ctx, w, t.job, seen)
			},
		},
		{
			name: "cancel", verb: "Cancel", done: "Asked to cancel", noun: "run", role: access.Operator, danger: true, asks: true,
			note: "A command that is under way is ended.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, _ string) (run.ID, error) {
				return asked(s.Cancel(ctx, w, t.find))
			},
		},
		{
			name: "requeue", verb: "Requeue", done: "Requeued", noun: "run", role: access.Operator,
			note: "Each becomes a new run with the old due time, and the job's definition of today.",
			do: func(ctx context.Context, s *steer.Steer, w who, t target, key string) (run.ID, error) {
				return asked(s.Requeue(ctx, w, t.find, key))
			},
		},
	}
}

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
	if err != nil && r.Header.Get("HX-Request") != "" {
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
	if f.action.name == "run" && len(f.targets) == 1 && at != "" {
		f.next = "/runs/" + string(at)
	}
	goTo(w, r, f.next)
}

// goTo sends the browser on. Htmx would follow a redirect by itself, and the
// page with the flash would never be seen.
func goTo(w http.ResponseWriter, r *http.Request, next string) {
	if next == "" {
		next = "/"
	}
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Redirect", next)
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
		targets = append(targets, target{job: d.Row.Job, find: query.Found{ID: d.Row.ID, Job: d.Row.Job, Due: d.Row.Due, Cluster: d.Row.Cluster}})
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
