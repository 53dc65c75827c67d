// Package kafka owns how Belfry talks to Kafka: the settings of every client,
// TLS and SASL, the wait for a broker, the check of what a broker can do, the
// topics and their making, reading a topic to its end, and what an error
// means.
//
// It knows the names and settings of topics (package topic) but no record's
// meaning: it must never import the schedulers', workers' or stores' packages.
package kafka
