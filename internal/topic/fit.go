package topic

import (
	"slices"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// What Belfry writes, it reads: words for people are cut to their bound, and
// an instant that was computed and lies beyond the year 9999 becomes its end.
// A record that could not be written would hold up all that is written with it.

func fitRun(r *run.Run) {
	r.Due, r.NotBefore = writable(r.Due), writable(r.NotBefore)
	r.StagedAt, r.Deadline = writable(r.StagedAt), writable(r.Deadline)
}

func fitEvent(e *run.Event) {
	e.Reason, e.Outcome = cut(e.Reason, maxReason), fitOutcome(e.Outcome)
	e.Due, e.NotBefore, e.Through = writable(e.Due), writable(e.NotBefore), writable(e.Through)
}

// fitOutcome returns o, or a copy of it that fits.
func fitOutcome(o *run.Outcome) *run.Outcome {
	if o == nil || len(o.StartFailure) <= maxText && len(o.Reason) <= maxText && len(o.Tail) <= maxTail {
		return o
	}
	fits := *o
	fits.StartFailure, fits.Reason = cut(o.StartFailure, maxText), cut(o.Reason, maxText)
	fits.Tail = cut(o.Tail, maxTail)
	return &fits
}

func fitDeadLetter(d *run.DeadLetter) {
	d.Reason, d.Outcome = cut(d.Reason, maxText), fitOutcome(d.Outcome)
	if d.Run != nil {
		r := *d.Run
		fitRun(&r)
		d.Run = &r
	}
}

func fitNotice(n *run.Notice) {
	n.By, n.Reason, n.Error = cut(n.By, maxWho), cut(n.Reason, maxReason), cut(n.Error, maxText)
	n.Outcome = fitOutcome(n.Outcome)
	n.Due, n.Until, n.Expected = writable(n.Due), writable(n.Until), writable(n.Expected)
}

// fitState leaves the caller's runs as they are.
func fitState(st *shard.JobState) {
	st.Through = writable(st.Through)
	beyond := func(a shard.Active) bool { return !writable(a.NotBefore).Equal(a.NotBefore) }
	if !slices.ContainsFunc(st.Active, beyond) {
		return
	}
	st.Active = slices.Clone(st.Active)
	for i := range st.Active {
		st.Active[i].NotBefore = writable(st.Active[i].NotBefore)
	}
}

// writable returns t, or the nearest instant that RFC 3339 can write.
func writable(t time.Time) time.Time {
	switch s := t.Unix(); {
	case s > lastInstant:
		return time.Unix(lastInstant, 0).UTC()
	case s < firstInstant:
		return time.Unix(firstInstant, 0).UTC()
	}
	return t
}

// cut keeps at most limit bytes of s, as valid UTF-8.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
