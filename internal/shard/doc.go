// Package shard is the scheduler's brain for one partition's worth of jobs:
// it decides what becomes of every due time, every attempt and every request.
//
// A Shard folds inputs and the time into effects; the shell (scheduler) makes
// the effects of one Step one transaction, so the decision and its record
// stand or fall together. The shard alone decides: workers only report.
//
// It is pure: it must never import a clock, a context, the network, a lock or
// a random source; of Belfry only job, schedule, run and member.
package shard
