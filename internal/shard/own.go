package shard

import (
	"maps"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// Own is what one run has in place of its job's definition, because whoever
// asked for it said so. It is never changed.
type Own struct {
	// Env replaces variables of the definition and adds to them.
	Env map[string]string `json:"env,omitempty"`
	// Definition is that of a replay, without what only says when the job runs;
	// Version is the version of the whole.
	Definition *job.Job `json:"definition,omitempty"`
	Version    string   `json:"version,omitempty"`
}

// size is about what o takes in a job's state, in bytes.
func (o *Own) size() int {
	if o == nil {
		return 0
	}
	const rest = 512
	n := rest + sizeOf(o.Env)
	if d := o.Definition; d != nil {
		n += len(d.Stdin) + len(d.WorkingDir) + len(d.User) + sizeOf(d.Env)
		for _, arg := range d.Command {
			n += len(arg)
		}
	}
	return n
}

func sizeOf(env map[string]string) int {
	n := 0
	for name, value := range env {
		n += len(name) + len(value)
	}
	return n
}

// HoldsOwn reports whether any run of st has something of its own, which the
// releases before would leave out.
func (st *JobState) HoldsOwn() bool {
	return slices.ContainsFunc(st.Active, func(a Active) bool { return a.Own != nil }) ||
		slices.ContainsFunc(st.Deferred, func(d Deferred) bool { return d.Own != nil })
}

// ownFits reports whether st has room for one more.
func (st *JobState) ownFits(o *Own) bool {
	n := o.size()
	for i := range st.Active {
		n += st.Active[i].Own.size()
	}
	for i := range st.Deferred {
		n += st.Deferred[i].Own.size()
	}
	return n <= run.MaxOwn
}

// rulesFor returns the definition by which a runs, without its command: its
// own, or its job's.
func (e *entry) rulesFor(a *Active) *job.Job {
	if a.Own != nil && a.Own.Definition != nil {
		return a.Own.Definition
	}
	return e.def
}

func (e *entry) commandFor(a *Active) []string {
	if a.Own != nil && a.Own.Definition != nil {
		return a.Own.Definition.Command
	}
	return strings.Split(e.command, separator)
}

func (e *entry) versionFor(a *Active) string {
	if a.Own != nil && a.Own.Version != "" {
		return a.Own.Version
	}
	return e.st.Version
}

// envFor returns a's environment and the names of the variables in it that the
// request set.
func (e *entry) envFor(a *Active) (env map[string]string, names []string) {
	env = e.rulesFor(a).Env
	if a.Own == nil || len(a.Own.Env) == 0 {
		return env, nil
	}
	env = maps.Clone(env)
	if env == nil {
		env = make(map[string]string, len(a.Own.Env))
	}
	maps.Copy(env, a.Own.Env)
	return env, slices.Sorted(maps.Keys(a.Own.Env))
}
