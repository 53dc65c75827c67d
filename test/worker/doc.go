// Package worker holds any worker against docs/protocol.md: the command in
// CMD (of Belfry itself, if there is none) is started as a process beside a
// scheduler of Belfry, and what it does is read from Kafka's topics and from
// the journal that the commands it runs write. No test knows what language the
// worker is in.
//
// `make test-worker` starts a Kafka for it, or takes BELFRY_TEST_BROKERS; plain
// `go test` holds Belfry's worker against it on the broker in the process.
package worker
