// Package conformance is the suite that Belfry, as real processes, passes on
// any Kafka: on a broker inside the test always, and on the brokers that
// BELFRY_TEST_BROKERS names where it is set. Each test has topics of its own.
//
// What happened is judged by a journal that the commands themselves write,
// and by the ledger; what should have happened by the clock alone.
package conformance
