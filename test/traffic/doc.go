// Package traffic counts, in virtual time and without a Kafka, what workers and
// schedulers write to and read from the topics they all share: members and
// control. It proves that a worker's share does not grow with their number.
package traffic
