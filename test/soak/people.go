package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// changeEvery is the time between two things that people do.
const changeEvery = 4 * time.Second

// disturb has people change something all the while, until ctx ends.
// Commands may fail while brokers do: what was acknowledged is in the topics,
// and only that is judged.
func (w *world) disturb(ctx context.Context) {
	paused := false
	for i := 0; wait(ctx, changeEvery) == nil; i++ {
		var what string
		var err error
		switch i % 6 {
		case 0, 3:
			w.edits++
			what = "edit"
			err = w.apply(ctx, "changing.yaml", changing(w.edits, w.journal))
		case 1:
			what = "pause"
			if paused {
				what = "resume"
			}
			if _, err = w.site.Run(ctx, what, "paused"); err == nil {
				paused = !paused
			}
		case 2:
			what = "run"
			_, err = w.site.Run(ctx, "run", "asked")
		case 4:
			what, err = w.cancel(ctx)
		case 5:
			what, err = w.resize(ctx, i/6)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			say("%s: %v", what, err)
			what += " (failed)"
		}
		w.marks = append(w.marks, mark{At: time.Now().UTC().Round(0), What: what})
	}
}

// cancel cancels the long run that began last.
func (w *world) cancel(ctx context.Context) (string, error) {
	w.mu.Lock()
	id := w.long
	w.long = ""
	w.mu.Unlock()
	if id == "" {
		return "nothing to cancel", nil
	}
	_, err := w.site.Run(ctx, "cancel", string(id))
	return "cancel", err
}

// resize gives a queue one more partition, a few times.
func (w *world) resize(ctx context.Context, n int) (string, error) {
	queue := []string{"runs", "retries"}[n%2]
	if w.grown[queue] >= 8 {
		return "no resize", nil
	}
	what := fmt.Sprintf("resize %s to %d", queue, w.grown[queue]+1)
	_, err := w.site.Run(ctx, "topics", "resize", queue+"."+cluster, "--partitions", strconv.Itoa(w.grown[queue]+1))
	if err == nil {
		w.grown[queue]++
	}
	return what, err
}
