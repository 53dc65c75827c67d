package worker

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/metric"
	"github.com/belfry-cron/belfry/internal/run"
)

// metrics are what a worker tells Prometheus.
type metrics struct {
	maker *metric.Maker

	claims, starts, outcomes           *prometheus.CounterVec
	returns, drops, errors             *prometheus.CounterVec
	unreadable                         *prometheus.CounterVec
	claimsAborted, refused, asked      prometheus.Counter
	beats, beatsLate                   prometheus.Counter
	deadLetters, outputCut             prometheus.Counter
	slots, slotsFree, partitions       *prometheus.GaugeVec
	held, ahead, claimed               prometheus.Gauge
	lateness, runSeconds, claimSeconds prometheus.Histogram
	claimedAhead                       prometheus.Histogram
}

// What errors of Kafka clients are about.
const (
	whatBeat       = "beat"
	whatControl    = "control"
	whatDeadLetter = "dead_letter"
	whatReport     = "report"
	whatClaim      = "claim"
	whatPoll       = "poll"
	whatOutput     = "output"
)

// ofControl is the topic of control records that cannot be read.
const ofControl = "control"

// lateExemplar is from how late on, in seconds, a start leaves the run's ID as
// an exemplar: whoever sees the bar wants to know which run it was.
const lateExemplar = 1

// Metrics describes what a worker shows.
func Metrics() []metric.Desc {
	w := &worker{metrics: newMetrics(prometheus.NewRegistry())}
	w.expose()
	return w.metrics.maker.Descs()
}

func newMetrics(reg prometheus.Registerer) *metrics {
	k := metric.NewMaker(reg)
	queue := metric.OneOf("queue", run.QueueRuns, run.QueueRetries)
	m := &metrics{
		maker: k,

		claims: k.Counters(metric.Traffic, "belfry_worker_claims_total", "Runs claimed.", queue),
		starts: k.Counters(metric.Traffic, "belfry_worker_starts_total", "Commands started.",
			metric.OneOf("trigger", run.TriggerLabels()...)),
		outcomes: k.Counters(metric.Traffic, "belfry_worker_outcomes_total", "Attempts ended.",
			metric.OneOf("state", run.EndLabels()...)),
		returns: k.Counters(metric.Errors, "belfry_worker_returns_total", "Unstarted runs given back.",
			metric.OneOf("reason", run.ReasonNoSlot, run.ReasonDraining, run.ReasonOutOfTouch, run.ReasonNameTaken,
				run.ReasonUnconfirmed, run.LabelOther)),
		drops: k.Counters(metric.Errors, "belfry_worker_drops_total", "Runs not started because they were recalled or too late.",
			metric.OneOf("reason", run.ReasonLabels()...)),
		errors: k.Counters(metric.Errors, "belfry_worker_errors_total", "Errors of Kafka clients.",
			metric.OneOf("what", whatBeat, whatControl, whatDeadLetter, whatReport, whatClaim, whatPoll, whatOutput),
			metric.OneOf("class", kafka.Classes()...)),
		unreadable: k.Counters(metric.Errors, "belfry_worker_unreadable_total",
			"Records that could not be read and are skipped.", metric.OneOf("topic", ofControl)),
		claimsAborted: k.Counter(metric.Errors, "belfry_worker_claims_aborted_total", "Claim transactions that were aborted or ended unknown."),
		refused:       k.Counter(metric.Errors, "belfry_worker_refused_total", "Starts refused by the last look at the beats."),
		asked:         k.Counter(metric.Errors, "belfry_worker_confirms_total", "Runs claimed whose shard was asked whether they still count."),
		beats:         k.Counter(metric.Traffic, "belfry_worker_beats_total", "Beats acknowledged."),
		beatsLate:     k.Counter(metric.Errors, "belfry_worker_beats_late_total", "Beats left out because the one before was still in flight."),
		deadLetters:   k.Counter(metric.Errors, "belfry_worker_dead_letters_total", "Queue records that could not be read."),
		outputCut:     k.Counter(metric.Errors, "belfry_worker_output_cut_bytes_total", "Output left out because Kafka did not take it in time."),
		slots:         k.Gauges(metric.Saturation, "belfry_worker_slots", "Runs that may be started at a time.", queue),
		slotsFree:     k.Gauges(metric.Saturation, "belfry_worker_slots_free", "Slots that are free, as of the latest beat.", queue),
		partitions:    k.Gauges(metric.Saturation, "belfry_worker_partitions", "Partitions owned.", queue),
		held:          k.Gauge(metric.Saturation, "belfry_worker_held_runs", "Runs claimed and not yet reported, as of the latest beat."),
		ahead: k.Gauge(metric.Saturation, "belfry_worker_ahead_seconds",
			"How far ahead of its time the run is held that is due last, as of the latest beat."),
		claimedAhead: k.Histogram(metric.Saturation, "belfry_worker_claimed_ahead_seconds",
			"Time from when a run was claimed to when it is to start; 0 if it is late.",
			[]float64{0, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 45, 60, 120}),
		claimed: k.Gauge(metric.Errors, "belfry_worker_last_claim_timestamp_seconds",
			"When the latest claim was committed; 0 before the first. Without runs there is nothing to claim."),
		lateness: k.Histogram(metric.Latency, "belfry_worker_lateness_seconds", "Time from when a run was to start to its start.",
			[]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}),
		runSeconds: k.Histogram(metric.Latency, "belfry_worker_run_seconds", "Time commands ran.",
			prometheus.ExponentialBuckets(0.01, 4, 10)),
		claimSeconds: k.Histogram(metric.Latency, "belfry_worker_claim_seconds", "Time of claim transactions.",
			prometheus.ExponentialBuckets(0.001, 2, 14)),
	}
	return m
}

// late notes how late a run starts.
func (m *metrics) late(seconds float64, r *run.Run) {
	seconds = max(0, seconds)
	if seconds < lateExemplar {
		m.lateness.Observe(seconds)
		return
	}
	m.lateness.(prometheus.ExemplarObserver).ObserveWithExemplar(seconds, prometheus.Labels{"run": string(r.ID)})
}
