package scheduler

import (
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/run"
)

// metrics are what a scheduler tells Prometheus.
type metrics struct {
	maker *metric.Maker

	beats, beatsLate            prometheus.Counter
	shards, jobs, unfinished    prometheus.Gauge
	lag                         *prometheus.GaugeVec
	enqueued, skipped, ended    *prometheus.CounterVec
	retries, lost, deadLetters  prometheus.Counter
	recalls, placedAnew         prometheus.Counter
	lateReports                 *prometheus.CounterVec
	staged                      prometheus.Histogram
	transactions                prometheus.Histogram
	transactionRecords          prometheus.Histogram
	committed                   prometheus.Gauge
	takeOvers                   prometheus.Histogram
	givenUp, errors, unreadable *prometheus.CounterVec
	clockJumps                  prometheus.Counter
	skew                        prometheus.Gauge
	setAside                    *prometheus.CounterVec
	members                     prometheus.Gauge
	membersDropped, replaced    prometheus.Counter
	clusters                    clusters
}

const (
	// maxClusters bounds how many clusters metrics tell apart; those that come
	// later share run.LabelOther.
	maxClusters = 100
	// maxShards is how many shards the page on metrics counts with.
	maxShards = 64
)

// What errors outside transactions are about.
const (
	whatSurvey     = "survey"
	whatBeat       = "beat"
	whatJobsEnd    = "jobs_end"
	whatFreeSlots  = "free_slots"
	whatReplaced   = "replaced"
	whatDeadLetter = "dead_letter"
)

// classIncomplete is the class of an answer in which something is missing.
const classIncomplete = "incomplete"

// The topics of records that cannot be read.
const (
	ofMembers  = "members"
	ofState    = "state"
	ofJobs     = "jobs"
	ofCommands = "commands"
	ofEvents   = "events"
)

// clusters are those that metrics have told apart so far.
type clusters struct {
	mu   sync.Mutex
	seen map[string]bool
	// first is called with each that is new, before it is used as a label.
	first func(name string)
}

// label is a cluster as a metric's label.
func (c *clusters) label(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[name] {
		return name
	}
	if len(c.seen) >= maxClusters {
		return run.LabelOther
	}
	c.seen[name] = true
	if c.first != nil {
		c.first(name)
	}
	return name
}

// Metrics describes what a scheduler shows.
func Metrics() []metric.Desc {
	s := &scheduler{metrics: newMetrics(prometheus.NewRegistry())}
	s.expose()
	return s.metrics.maker.Descs()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	k := metric.NewMaker(reg)
	m := &metrics{
		maker:    k,
		clusters: clusters{seen: map[string]bool{}},

		beats:      k.Counter(metric.Traffic, "belfry_scheduler_beats_total", "Beats acknowledged."),
		beatsLate:  k.Counter(metric.Errors, "belfry_scheduler_beats_late_total", "Beats left out because the one before was still in flight."),
		shards:     k.Gauge(metric.Traffic, "belfry_scheduler_shards", "Shards owned and loaded."),
		jobs:       k.Gauge(metric.Traffic, "belfry_scheduler_jobs", "Jobs in the owned shards."),
		unfinished: k.Gauge(metric.Saturation, "belfry_scheduler_unfinished_runs", "Unfinished runs in the owned shards."),
		lag: k.Gauges(metric.Saturation, "belfry_scheduler_events_lag_records",
			"Records of the events topic between the shard and its end.", metric.AtMost("shard", maxShards)),
		committed: k.Gauge(metric.Errors, "belfry_scheduler_last_commit_timestamp_seconds",
			"When the latest transaction of any owned shard was committed. An idle shard commits once an hour."),
		skew: k.Gauge(metric.Errors, "belfry_scheduler_clock_offset_seconds",
			"How far the clock of the member that differs most is from this host's; more than 0: it is behind."),
		clockJumps: k.Counter(metric.Errors, "belfry_scheduler_clock_jumps_total", "Jumps of this host's clock by more than two seconds."),
		members:    k.Gauge(metric.Saturation, "belfry_scheduler_members", "Members known, the dead of the last hour among them."),
		membersDropped: k.Counter(metric.Errors, "belfry_scheduler_members_dropped_total",
			"Members forgotten before their time, because there were too many."),
		replaced: k.Counter(metric.Errors, "belfry_scheduler_replaced_total", "Times a worker was told that another has taken its name."),
	}
	m.countRuns(k)
	m.countTransactions(k)
	m.clusters.first = m.zero
	return m
}

// countRuns makes what counts runs and their ends.
func (m *metrics) countRuns(k *metric.Maker) {
	cluster := metric.AtMost("cluster", maxClusters+1)
	m.enqueued = k.Counters(metric.Traffic, "belfry_scheduler_enqueued_total", "Attempts enqueued.",
		cluster, metric.OneOf("trigger", run.TriggerLabels()...))
	m.skipped = k.Counters(metric.Errors, "belfry_scheduler_skipped_total", "Due times not run.",
		metric.OneOf("reason", run.ReasonLabels()...))
	m.ended = k.Counters(metric.Traffic, "belfry_scheduler_ended_total", "Runs that reached their final state.",
		cluster, metric.OneOf("state", run.EndLabels()...))
	m.retries = k.Counter(metric.Errors, "belfry_scheduler_retries_total", "Failed attempts that are tried again.")
	m.lost = k.Counter(metric.Errors, "belfry_scheduler_lost_total", "Runs taken from workers that are gone.")
	m.deadLetters = k.Counter(metric.Errors, "belfry_scheduler_dead_letters_total",
		"Runs given up and records that could not be read.")
	m.recalls = k.Counter(metric.Traffic, "belfry_scheduler_recalls_total", "Staged runs asked back.")
	m.placedAnew = k.Counter(metric.Errors, "belfry_scheduler_placed_anew_total", "Runs enqueued again for the same attempt.")
	m.lateReports = k.Counters(metric.Errors, "belfry_scheduler_late_reports_total",
		"Reports of a handing-out that no longer counted: a start means that the run may have been executed twice.",
		metric.OneOf("report", run.EventStarting, run.EventFinished))
	m.staged = k.Histogram(metric.Latency, "belfry_scheduler_staged_ahead_seconds",
		"How far ahead of its start a run was committed; late ones fall into the first bucket.",
		[]float64{0, 0.5, 1, 2, 3, 4, 5, 7.5, 10, 20, 30, 60})
	m.setAside = k.Counters(metric.Errors, "belfry_scheduler_set_aside_total",
		"Jobs, and clusters, for which nothing is decided since their records can never be committed.",
		metric.OneOf("reason", run.ReasonOversized, run.ReasonNotAuthorized, run.ReasonUnreadableState))
}

// countTransactions makes what tells of Kafka.
func (m *metrics) countTransactions(k *metric.Maker) {
	seconds := prometheus.ExponentialBuckets(0.005, 2, 14)
	m.transactions = k.Histogram(metric.Latency, "belfry_scheduler_transaction_seconds", "Time from begin to commit.", seconds)
	m.transactionRecords = k.Histogram(metric.Traffic, "belfry_scheduler_transaction_records", "Records in a transaction.",
		prometheus.ExponentialBuckets(1, 4, 8))
	m.takeOvers = k.Histogram(metric.Latency, "belfry_scheduler_take_over_seconds",
		"Time from fencing to the first step of a shard.", seconds)
	m.givenUp = k.Counters(metric.Errors, "belfry_scheduler_given_up_total", "Shards given up after an error.",
		metric.OneOf("class", kafka.Classes()...))
	m.errors = k.Counters(metric.Errors, "belfry_scheduler_errors_total", "Errors outside transactions.",
		metric.OneOf("what", whatSurvey, whatBeat, whatJobsEnd, whatFreeSlots, whatReplaced, whatDeadLetter),
		metric.OneOf("class", append(kafka.Classes(), classIncomplete)...))
	m.unreadable = k.Counters(metric.Errors, "belfry_scheduler_unreadable_total", "Records that could not be read.",
		metric.OneOf("topic", ofMembers, ofState, ofJobs, ofCommands, ofEvents))
}

// zero has the counters of a cluster start at zero.
func (m *metrics) zero(cluster string) {
	here := metric.OneOf("cluster", cluster)
	metric.Zero(m.enqueued, here, metric.OneOf("trigger", known(run.TriggerLabels())...))
	metric.Zero(m.ended, here, metric.OneOf("state", known(run.EndLabels())...))
}

// known leaves out the label of all that is unknown: most clusters never have
// a series of that.
func known[T ~string](labels []T) []T {
	return slices.DeleteFunc(labels, func(l T) bool { return l == run.LabelOther })
}
