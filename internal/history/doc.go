// Package history owns the read model: what Belfry's topics say of jobs, runs,
// dead letters and members, folded into one SQLite file, so that a page or an
// API answers without reading a topic. Kafka stays the only thing that servers
// share: each has a file of its own, which the log fills again if it is lost.
//
// # What it promises
//
// A history's answers follow from the log alone, as it is in each
// partition: neither the bounds of batches nor the order between partitions
// count, nor when the process was killed, nor when pruning came by. Three things
// are older than the log may be, and a file that is built anew lacks them: runs
// that the topic of events no longer keeps, definitions that compaction removed,
// and the latest success of a job of which no row is left. The IDs of runs are
// hashes of their jobs' names; two jobs that write of the same ID get a run
// each, and lists may leave one of the two out at the end of a page.
//
// # The file
//
// schema/NNN_*.sql are the steps of its layout; PRAGMA user_version counts those
// taken. A step never changes once it was released. Tables:
//
//	offsets       how far each partition was read, written with what it brought
//	runs          runs, and due times that were skipped together; the columns that
//	              lists search, and the whole ledger.Run as a body (pack.go)
//	jobs, labels, definitions, contents
//	              names, the definition in force, and every one that was applied
//	stands        how each job stands, from its runs: the strip, the counts
//	minutes, hours counts per cluster and minute, histograms per cluster and hour
//	tails, chunks the end of what runs wrote
//	dead, settled dead letters, and which runs were requeued or discarded
//	beats         the latest beats of each member, from which their view is rebuilt
//	entries       audit and notices, as they were written
//	backfills, unreadable, sums
//
// Runs are folded by package ledger and by nothing else: of the runs that a
// batch touches, a ledger is made (load), folded, and stored (fold_events.go).
// The counts of a run follow from its columns alone (columns.go), so that
// a run that changes is taken out of the counts as it was, and put in as it is.
//
// Which definition a run ran by: its events name a version (job.Job.Version); of
// the definitions that have it, the latest that was applied before the run's
// last attempt was enqueued, by the clocks of those who did. Events of earlier
// releases name none: then it is the one in force at that instant (ranBy).
//
// # States
//
// Open, until Close. Full: there is no room on the disk; Fold returns errors and
// Trouble says so, questions are answered, and the first Fold that finds room
// goes on. Damaged: the file is set aside (one of each kind is kept) and made
// anew; Fold and Prune return ErrRebuilt once, and Offsets are empty.
//
// One connection writes, under a lock; questions have connections of their own
// and see one moment each. The file belongs to one process.
//
// # Bounds
//
//	runs, skips of a job   Options.KeepPerJob of each, and Options.KeepFor
//	output of a run        TailBytes, of runs that did not succeed and of the last 20
//	                       of a job; up to twice as much until it is trimmed
//	definitions of a job   200; backfills 100
//	notes and attempts     as package ledger bounds them
//	all else               Options.KeepFor; beats as the view of members does
//	a page                 500 rows; a list is looked for in 20,000 rows, or the
//	                       output of 500 runs, and its cursor goes on from there
//	Stats, Calendar        MaxBuckets, MaxDays
//	a step of Prune        200 rows
//	in memory              what the writer knows of 50,000 jobs
//
// It has no Kafka client and no goroutine: it takes records as values (package
// tail reads them). It must never import kafka or what is above it.
package history
