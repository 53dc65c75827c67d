// Package sim runs many schedulers and workers, and the Kafka between them,
// in virtual time: the real cores (member, shard, claim) in modelled shells
// on a modelled log. One seed decides everything, so that a failing seed is a
// test case: the same seed gives the same trace for ever.
//
// The shells here do what scheduler and worker do, in the same order and with
// the same waits; the log does what Kafka does with transactions, fencing,
// visibility and groups, and does it as badly as Kafka is allowed to: three
// brokers lead, follow and coordinate, and while one of them is away nothing is
// acknowledged of what it holds until its session has ended. What
// happened is judged by package check, which knows nothing of either.
package sim
