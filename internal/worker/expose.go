package worker

import (
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/run"
)

// commands are the runs whose command runs, and since when.
type commands struct {
	mu    sync.Mutex
	since map[run.Key]time.Time
}

// begin notes the start of a command, and returns what notes its end.
func (c *commands) begin(k run.Key, now time.Time) (end func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.since == nil {
		c.since = map[run.Key]time.Time{}
	}
	c.since[k] = now
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.since, k)
	}
}

// count returns how many run.
func (c *commands) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.since)
}

// longest is how long the oldest has run; 0 if none does.
func (c *commands) longest(now time.Time) (longest time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, since := range c.since {
		longest = max(longest, now.Sub(since))
	}
	return longest
}

// expose shows what is asked for at each scrape: what stands still while the
// worker does would else show its last good value.
func (w *worker) expose() {
	k := w.metrics.maker
	k.GaugeFunc(metric.Saturation, "belfry_worker_running_runs", "Commands that run now.",
		func() float64 { return float64(w.commands.count()) })
	k.GaugeFunc(metric.Latency, "belfry_worker_longest_run_seconds", "How long the oldest command that runs has run; 0 if none does.",
		func() float64 { return w.commands.longest(time.Now()).Seconds() })
	k.GaugeFunc(metric.Errors, "belfry_worker_last_beat_timestamp_seconds", "When the latest acknowledged beat was sent.",
		func() float64 {
			if beaten := w.beaten.Load(); beaten > 0 {
				return float64(w.born.Add(time.Duration(beaten)).UnixNano()) / 1e9
			}
			return 0
		})
	k.GaugeFunc(metric.Errors, "belfry_worker_overdue_runs",
		"Runs held that should have started although slots run nothing, as of the latest beat.",
		func() float64 {
			if o := w.facts.overdue.Load(); o != nil {
				return float64(o.runs)
			}
			return 0
		})
}
