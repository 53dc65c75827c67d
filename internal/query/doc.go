// Package query owns what Belfry's topics answer to people: jobs and their
// states (jobs.go, states.go), runs and the ledger (ledger.go), what became of
// each due time (explain.go), dead letters (dead.go), members (members.go),
// the run that an ID names (find.go), what a run wrote (output.go), a run
// followed to its end (follow.go), and a request that was sent before
// (request.go).
//
// Answers are values and not texts, with the JSON names of "-o json". Errors
// that somebody can do something about are types (errors.go); all others wrap
// what Kafka said, so that kafka.Classify knows them.
//
// Kafka is asked for records from offset 0, or from the offset of an
// instant, to the end that a topic has at the beginning of the read; the
// offsets of an instant; the names of topics. Nothing joins a consumer group,
// and nothing is written: package steer does that.
//
// The bounds:
//
//   - Time. The caller's context ends every call. A read waits up to 3 s for
//     transactions that are open at its beginning, and gives up after 30 s
//     without any answer (package kafka). Follow goes on until the run has
//     ended, and waits up to 2 s more for the end of its output.
//   - Records. A call about one job reads the partitions of its shard; the
//     others read all partitions. The events, the output and the requests
//     reach back as far as their topics keep them or the caller asks, the
//     states as far as compaction leaves them. FindRun reads the events of all
//     jobs only if no state names the run.
//   - Rows. A ledger keeps MaxRunsPerJob runs and as many skips of each job.
//     An explanation walks through MaxDueTimes due times. An ambiguous ID is
//     answered with MaxMatches runs. Jobs, members and dead letters are as many
//     as there are; Limit cuts runs, verdicts and dead letters.
//
// It is a shell that reads: it must never import the packages of schedulers
// and workers, app or the command line, and it never prints or logs.
package query
