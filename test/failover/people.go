package main

import (
	"context"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// changeEvery is the time between two things that people do.
const changeEvery = 2 * time.Second

// deed is something people did: ask for a run, or apply a file with an edited
// and a new job.
type deed struct {
	begun, done time.Time
	failed      bool
	asked       run.ID // the run that was asked for; empty for a file
	version     int    // of the file
}

// disturb has people ask for runs and apply files in turn until ctx ends, each
// with a command of its own, as people do.
func (s *session) disturb(ctx context.Context) {
	for i := 1; wait(ctx, changeEvery) == nil; i++ {
		d := deed{begun: time.Now()}
		var out string
		var err error
		if i%2 == 0 {
			out, err = s.site.Run(ctx, "run", streamAsked)
			d.asked = run.ID(strings.TrimSpace(out))
		} else {
			err = s.apply(ctx, "changing.yaml", changing(i/2, s.journal))
			d.version = i / 2
		}
		if ctx.Err() != nil {
			return
		}
		d.done, d.failed = time.Now(), err != nil
		if err != nil {
			say("%v", err)
		}
		s.deeds = append(s.deeds, d)
	}
}
