package worker

import "github.com/prometheus/client_golang/prometheus"

// metrics are what a worker tells Prometheus.
type metrics struct {
	claims, starts, outcomes           *prometheus.CounterVec
	returns, drops, errors             *prometheus.CounterVec
	unreadable                         *prometheus.CounterVec
	claimsAborted, refused, asked      prometheus.Counter
	beats, beatsLate                   prometheus.Counter
	lanesUsable                        prometheus.Gauge
	laneAge                            *prometheus.GaugeVec
	deadLetters, outputCut             prometheus.Counter
	slots, slotsFree, partitions       *prometheus.GaugeVec
	held, ahead                        prometheus.Gauge
	lateness, runSeconds, claimSeconds prometheus.Histogram
	claimedAhead                       prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauges := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{"queue"})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	m := &metrics{
		claims:        vec("belfry_worker_claims_total", "Runs claimed.", "queue"),
		starts:        vec("belfry_worker_starts_total", "Commands started.", "trigger"),
		outcomes:      vec("belfry_worker_outcomes_total", "Attempts ended.", "state"),
		returns:       vec("belfry_worker_returns_total", "Unstarted runs given back.", "reason"),
		drops:         vec("belfry_worker_drops_total", "Runs not started because they were recalled or too late.", "reason"),
		errors:        vec("belfry_worker_errors_total", "Errors of Kafka clients.", "what", "class"),
		unreadable:    vec("belfry_worker_unreadable_total", "Records that could not be read and are skipped.", "topic"),
		claimsAborted: counter("belfry_worker_claims_aborted_total", "Claim transactions that were aborted or ended unknown."),
		refused:       counter("belfry_worker_refused_total", "Starts refused by the last look at the beats."),
		asked:         counter("belfry_worker_confirms_total", "Runs claimed whose shard was asked whether they still count."),
		beats:         counter("belfry_worker_beats_total", "Beats acknowledged."),
		beatsLate:     counter("belfry_worker_beats_late_total", "Beats left out because the one before was still in flight."),
		deadLetters:   counter("belfry_worker_dead_letters_total", "Queue records that could not be read."),
		outputCut:     counter("belfry_worker_output_cut_bytes_total", "Output left out because Kafka did not take it in time."),
		lanesUsable: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_worker_lanes_usable", Help: "Lanes of members that acknowledged a beat within what a start needs; it needs more than half of them.",
		}),
		laneAge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "belfry_worker_lane_seconds", Help: "Time since the beat was sent that a lane of members acknowledged last.",
		}, []string{"lane"}),
		slots:      gauges("belfry_worker_slots", "Runs that may be started at a time."),
		slotsFree:  gauges("belfry_worker_slots_free", "Slots that are free, as of the latest beat."),
		partitions: gauges("belfry_worker_partitions", "Partitions owned."),
		held: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_worker_held_runs", Help: "Runs claimed and not yet reported, as of the latest beat.",
		}),
		ahead: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "belfry_worker_ahead_seconds", Help: "How far ahead of its time the run is held that is due last, as of the latest beat.",
		}),
		claimedAhead: histogram("belfry_worker_claimed_ahead_seconds", "Time from when a run was claimed to when it is to start; 0 if it is late.",
			[]float64{0, 0.5, 1, 2.5, 5, 10, 15, 20, 25, 30, 45, 60, 120}),
		lateness: histogram("belfry_worker_lateness_seconds", "Time from when a run was to start to its start.",
			[]float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300}),
		runSeconds: histogram("belfry_worker_run_seconds", "Time commands ran.",
			prometheus.ExponentialBuckets(0.01, 4, 10)),
		claimSeconds: histogram("belfry_worker_claim_seconds", "Time of claim transactions.",
			prometheus.ExponentialBuckets(0.001, 2, 14)),
	}
	reg.MustRegister(m.claims, m.starts, m.outcomes, m.returns, m.drops, m.errors, m.unreadable, m.claimsAborted,
		m.refused, m.asked, m.beats, m.beatsLate, m.lanesUsable, m.laneAge, m.deadLetters, m.outputCut, m.slots, m.slotsFree, m.partitions, m.held,
		m.ahead, m.claimedAhead, m.lateness, m.runSeconds, m.claimSeconds)
	return m
}
