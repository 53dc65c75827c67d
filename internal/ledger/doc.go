// Package ledger owns what became of each due time: it folds the events of
// a job, in the order of the log, into runs with their attempts and into
// due times that were skipped, with the reason of each.
//
// It is pure and does no I/O: it must never import a clock, a context, the
// network, a lock, a random source or a Kafka client, and of Belfry only
// run. The commands runs and explain answer from it.
package ledger
