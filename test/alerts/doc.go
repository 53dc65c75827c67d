// Package alerts causes real faults: on real Kafka, with belfry's own processes,
// Prometheus, Alertmanager and a stand-in for PagerDuty. Each fault must reach the
// stand-in as the right incident and be resolved after it, and nothing else may
// wake anybody.
//
// `make test-alerts` runs it; it is nothing for `make test`, since it takes half an
// hour and a machine that is not busy.
package alerts
