package audit

import (
	"maps"

	"github.com/belfry-cron/belfry/internal/job"
)

// MaxSide bounds each of Before and After, in bytes.
const MaxSide = 64 << 10

// What stands for a value that nobody is shown.
const (
	hidden        = "(hidden)"
	hiddenChanged = "(hidden, changed)"
)

// Hide returns the job as it is before, and as it is after, a change, for the
// record: values of environment variables and the standard input are hidden,
// and only whether they changed can be seen. Either may be nil.
func Hide(before, after *job.Job) (was, is *job.Job) {
	if before != nil {
		was = hide(before, before)
	}
	if after != nil {
		is = hide(after, before)
	}
	return was, is
}

// hide returns a copy of j without secrets, which says what differs from was.
func hide(j, was *job.Job) *job.Job {
	c := *j
	word := func(differs bool) string {
		if was != nil && differs {
			return hiddenChanged
		}
		return hidden
	}
	c.Env = maps.Clone(j.Env)
	for name, value := range j.Env {
		old, had := "", false
		if was != nil {
			old, had = was.Env[name]
		}
		c.Env[name] = word(!had || old != value)
	}
	if j.Stdin != "" {
		c.Stdin = word(was != nil && was.Stdin != j.Stdin)
	}
	return &c
}
