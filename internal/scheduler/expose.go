package scheduler

import (
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/run"
)

// room is what the latest survey said of a cluster's workers.
type room struct{ workers, free, freeRetries int }

// expose shows what is asked for at each scrape: what stands still while the
// scheduler does would else show its last good value.
func (s *scheduler) expose() {
	k := s.metrics.maker
	cluster := metric.AtMost("cluster", maxClusters+1)
	k.GaugeFunc(metric.Fact, "belfry_scheduler_shards_expected", "Shards of the installation, whoever owns them.",
		func() float64 { return float64(s.o.Shards) })
	k.GaugeFunc(metric.Errors, "belfry_scheduler_last_beat_timestamp_seconds",
		"When the latest acknowledged beat was sent.", func() float64 { return unix(s.facts.beaten.Get()) })
	k.GaugeFunc(metric.Latency, "belfry_scheduler_open_transaction_seconds",
		"Age of the oldest transaction that has not ended; 0 if there is none.", func() float64 { return s.openTransaction(time.Now()) })
	k.GaugesFunc(metric.Saturation, "belfry_scheduler_overdue_runs",
		"Runs of the owned shards that should have started and have not.", cluster,
		func() map[string]float64 { return s.overdue(func(o overdue) float64 { return float64(o.Runs) }) })
	k.GaugesFunc(metric.Latency, "belfry_scheduler_overdue_seconds",
		"Age of the oldest run of the owned shards that should have started and has not.", cluster,
		func() map[string]float64 {
			return s.overdue(func(o overdue) float64 { return o.age(time.Now()) })
		})
	k.GaugesFunc(metric.Saturation, "belfry_scheduler_workers",
		"Live workers of the clusters that have one, had one in the last hour, or have runs waiting.", cluster,
		func() map[string]float64 { return s.rooms(func(r room) float64 { return float64(r.workers) }) })
	k.GaugesFunc(metric.Saturation, "belfry_scheduler_slots_free",
		"Free slots for first attempts that runs can reach.", cluster,
		func() map[string]float64 { return s.rooms(func(r room) float64 { return float64(r.free) }) })
	k.GaugesFunc(metric.Saturation, "belfry_scheduler_retry_slots_free",
		"Free slots for retries that runs can reach.", cluster,
		func() map[string]float64 { return s.rooms(func(r room) float64 { return float64(r.freeRetries) }) })
}

// unix is a time as Prometheus has it; 0 if it never came.
func unix(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}

// openTransaction is how long the oldest transaction has been open, in seconds.
func (s *scheduler) openTransaction(now time.Time) float64 {
	var longest time.Duration
	for _, l := range s.ownLoops() {
		if begun := l.facts.committing.Get(); !begun.IsZero() {
			longest = max(longest, now.Sub(begun))
		}
	}
	return longest.Seconds()
}

func (s *scheduler) ownLoops() []*loop {
	if loops := s.facts.loops.Load(); loops != nil {
		return *loops
	}
	return nil
}

// overdue sums up the shards, by cluster as a label.
func (s *scheduler) overdue(value func(overdue) float64) map[string]float64 {
	sums := map[string]overdue{}
	for _, l := range s.ownLoops() {
		of := l.facts.overdue.Load()
		if of == nil {
			continue
		}
		for cluster, o := range *of {
			cluster = s.metrics.clusters.label(cluster)
			sums[cluster] = sums[cluster].with(o.Runs, o.Oldest)
		}
	}
	values := map[string]float64{}
	for cluster := range s.latestRooms() {
		values[s.metrics.clusters.label(cluster)] = 0
	}
	for cluster, o := range sums {
		values[cluster] = value(o)
	}
	return values
}

// rooms are those of the latest survey, by cluster as a label. A cluster whose
// runs are overdue has one even if it never had a worker.
func (s *scheduler) rooms(value func(room) float64) map[string]float64 {
	sums := map[string]room{}
	for cluster, r := range s.latestRooms() {
		cluster = s.metrics.clusters.label(cluster)
		sum := sums[cluster]
		sums[cluster] = room{sum.workers + r.workers, sum.free + r.free, sum.freeRetries + r.freeRetries}
	}
	values := s.overdue(func(overdue) float64 { return 0 })
	for cluster, r := range sums {
		values[cluster] = value(r)
	}
	return values
}

func (s *scheduler) latestRooms() map[string]room {
	if rooms := s.facts.rooms.Load(); rooms != nil {
		return *rooms
	}
	return nil
}

// tellRooms notes what a survey says of the workers. The dead of the last hour
// still name their cluster, so that its last worker is missed.
func (s *scheduler) tellRooms(members []member.Member) {
	rooms := map[string]room{}
	for _, m := range members {
		if m.Role != member.RoleWorker {
			continue
		}
		r := rooms[m.Cluster]
		if m.Status == member.StatusLive {
			r.workers++
		}
		rooms[m.Cluster] = r
	}
	for cluster, free := range member.Rooms(members) {
		r := rooms[cluster]
		r.free, r.freeRetries = free.Runs, free.Retries
		rooms[cluster] = r
	}
	s.facts.rooms.Store(&rooms)
}

// overdue are runs that should have started.
type overdue struct {
	Runs   int
	Oldest time.Time
}

func (o overdue) with(runs int, oldest time.Time) overdue {
	o.Runs += runs
	if o.Oldest.IsZero() || oldest.Before(o.Oldest) {
		o.Oldest = oldest
	}
	return o
}

func (o overdue) age(now time.Time) float64 {
	if o.Oldest.IsZero() {
		return 0
	}
	return max(0, now.Sub(o.Oldest).Seconds())
}

// countLate counts a report that no longer counted.
func (m *metrics) countLate(ev *run.Event) {
	for _, report := range []run.EventType{run.EventStarting, run.EventFinished} {
		if strings.HasPrefix(ev.Reason, string(report)) {
			m.lateReports.WithLabelValues(string(report)).Inc()
		}
	}
}
