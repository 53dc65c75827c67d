package check

import (
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/run"
)

// judgeNotices requires each cause to be told once, and each run that was given up
// to be told of. A job that was deleted may have given the same due time a second
// run, of which the same is told.
func (j *judge) judgeNotices() {
	told, deaths, tells := map[string]bool{}, map[run.ID]bool{}, map[string]bool{}
	for i := range j.e.Notices {
		n := &j.e.Notices[i]
		tells[n.Job] = true
		if told[n.ID] && !j.wasDeleted(j.book(n.Job)) {
			j.blame(RuleNotices, j.history(n.Run, n.Job, n.Due), n.At, "told twice: %s", n.When)
		}
		told[n.ID] = true
		if n.When == job.WhenFailed {
			deaths[n.Run] = true
		}
	}
	for _, h := range j.order {
		dead := h.final != nil && h.final.State == run.StateDead && h.final.Backfill == ""
		if dead && tells[h.job] && !deaths[h.id] && !j.wasDeleted(j.book(h.job)) {
			j.blame(RuleNotices, h, h.final.At, "it was given up, and nobody is told")
		}
	}
}
