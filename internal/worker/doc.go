// Package worker is the worker's hands: it takes runs off a cluster's queues,
// starts them when package claim says so, and reports what becomes of them.
//
// Each goroutine is a role with a file of its own: the loop owns claim.State
// and is the only one to call it; a claimer per queue polls and commits; the
// beater gives signs of life; the controller follows recalls, cancels, and word that
// our name is taken; the
// reporter writes events until they are in the log; a runner per started run
// executes it and streams its output.
//
// A worker meets schedulers in topics only: this package must never import
// scheduler or shard.
package worker
