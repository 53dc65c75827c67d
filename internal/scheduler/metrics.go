package scheduler

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/run"
)

// metrics are what a scheduler tells Prometheus.
type metrics struct {
	beats, beatsLate            prometheus.Counter
	shards, jobs, unfinished    prometheus.Gauge
	laneAge                     *prometheus.GaugeVec
	lag                         *prometheus.GaugeVec
	enqueued, skipped, ended    *prometheus.CounterVec
	retries, lost, deadLetters  prometheus.Counter
	recalls, placedAnew         prometheus.Counter
	staged                      prometheus.Histogram
	transactions                prometheus.Histogram
	transactionRecords          prometheus.Histogram
	takeOvers                   prometheus.Histogram
	givenUp, errors, unreadable *prometheus.CounterVec
	clockJumps                  prometheus.Counter
	setAside                    *prometheus.CounterVec
	members                     prometheus.Gauge
	membersDropped, replaced    prometheus.Counter
	clusters                    clusters
}

// maxClusters bounds how many clusters metrics tell apart; those that come
// later share run.LabelOther.
const maxClusters = 100

// clusters are those that metrics have told apart so far.
type clusters struct {
	mu   sync.Mutex
	seen map[string]bool
}

// label is a cluster as a metric's label.
func (c *clusters) label(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.seen[name] {
		if len(c.seen) >= maxClusters {
			return run.LabelOther
		}
		c.seen[name] = true
	}
	return name
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	seconds := prometheus.ExponentialBuckets(0.005, 2, 14)
	m := &metrics{
		clusters:  clusters{seen: map[string]bool{}},
		beats:     counter("belfry_scheduler_beats_total", "Beats acknowledged."),
		beatsLate: counter("belfry_scheduler_beats_late_total", "Beats left out because the one before was still in flight."),
		laneAge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "belfry_scheduler_lane_seconds",
			Help: "Time since the beat of its own was sent that the scheduler read last in a lane of members. While one stands still, nobody is declared lost.",
		}, []string{"lane"}),
		shards:     gauge("belfry_scheduler_shards", "Shards owned and loaded."),
		jobs:       gauge("belfry_scheduler_jobs", "Jobs in the owned shards."),
		unfinished: gauge("belfry_scheduler_unfinished_runs", "Unfinished runs in the owned shards."),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "belfry_scheduler_events_lag_records",
			Help: "Records of the events topic between the shard and its end.",
		}, []string{"shard"}),
		enqueued: vec("belfry_scheduler_enqueued_total", "Attempts enqueued.", "cluster", "trigger"),
		skipped:  vec("belfry_scheduler_skipped_total", "Due times not run.", "reason"),
		ended:    vec("belfry_scheduler_ended_total", "Runs that reached their final state.", "cluster", "state"),
		retries:  counter("belfry_scheduler_retries_total", "Failed attempts that are tried again."),
		lost:     counter("belfry_scheduler_lost_total", "Runs taken from workers that are gone."),
		deadLetters: counter("belfry_scheduler_dead_letters_total",
			"Runs given up and records that could not be read."),
		recalls:    counter("belfry_scheduler_recalls_total", "Staged runs asked back."),
		placedAnew: counter("belfry_scheduler_placed_anew_total", "Runs enqueued again for the same attempt."),
		staged: histogram("belfry_scheduler_staged_ahead_seconds",
			"How far ahead of its start a run was committed; late ones fall into the first bucket.",
			[]float64{0, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 20, 30, 60}),
		transactions: histogram("belfry_scheduler_transaction_seconds", "Time from begin to commit.", seconds),
		transactionRecords: histogram("belfry_scheduler_transaction_records", "Records in a transaction.",
			prometheus.ExponentialBuckets(1, 4, 8)),
		takeOvers:  histogram("belfry_scheduler_take_over_seconds", "Time from fencing to the first step of a shard.", seconds),
		givenUp:    vec("belfry_scheduler_given_up_total", "Shards given up after an error.", "class"),
		errors:     vec("belfry_scheduler_errors_total", "Errors outside transactions.", "what", "class"),
		unreadable: vec("belfry_scheduler_unreadable_total", "Records that could not be read.", "topic"),
		setAside: vec("belfry_scheduler_set_aside_total",
			"Jobs, and clusters, for which nothing is decided since their records can never be committed.", "reason"),
		clockJumps: counter("belfry_scheduler_clock_jumps_total", "Jumps of this host's clock by more than two seconds."),
		members:    gauge("belfry_scheduler_members", "Members known, the dead of the last hour among them."),
		membersDropped: counter("belfry_scheduler_members_dropped_total",
			"Members forgotten before their time, because there were too many."),
		replaced: counter("belfry_scheduler_replaced_total", "Times a worker was told that another has taken its name."),
	}
	reg.MustRegister(m.beats, m.beatsLate, m.laneAge, m.shards, m.jobs, m.unfinished, m.lag, m.enqueued, m.skipped, m.ended,
		m.retries, m.lost, m.deadLetters, m.recalls, m.placedAnew, m.staged, m.transactions, m.transactionRecords,
		m.takeOvers, m.givenUp, m.errors, m.unreadable, m.clockJumps, m.setAside, m.members, m.membersDropped, m.replaced)
	return m
}
