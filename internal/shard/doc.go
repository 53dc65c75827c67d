// Package shard is the scheduler's brain for one partition's worth of jobs:
// it decides what becomes of every due time, every attempt and every request.
//
// A Shard folds inputs and the time into effects; the shell (scheduler) makes
// the effects of one Step one transaction, so that the decision and its record
// stand or fall together. The shard alone decides: workers only report.
//
// # The states of a run
//
//	due ──skipped──▶ (ledger)      ┌──────────── returned, lost unstarted ───────────┐
//	 │                             ▼                                                 │
//	 ├─▶ waiting ──enqueued──▶ queued ──claimed──▶ claimed ──starting──▶ started ──┬─┴▶ succeeded
//	 │     ▲  (backoff, jitter,    │                                    │           ├──▶ cancelled
//	 │     │   no worker)          └── withdrawn ──▶ waiting, ended     │           └──▶ dead
//	 │     └──────────── retrying: failed, timed out, lost ◀────────────┘
//	 └─▶ deferred (overlap: queue, replace) ──▶ as due, when the earlier run has ended
//
// Each word changes a run by its state. "anew" is a new fence and a place
// on a queue; a dash changes nothing; a worker's word about another handing-out
// than the latest, or from a member that does not hold the run, is answered by
// a recall or noted as late, and changes nothing either.
//
//	             waiting      queued           claimed     started
//	claimed      -            claimed          -           -
//	starting     -            started          started     -
//	finished     -            by its outcome ¹ the same    the same
//	returned     -            anew ²           anew        anew
//	dropped      -            ended, or anew ³ the same    the same
//	holder lost  -            -                anew        retried, or dead ⁴
//	cancelled    cancelled    asked back       asked back  asked to end
//	edited ⁵     reconsidered asked back       asked back  -
//	deleted      cancelled    asked back       asked back  -
//	late         -            asked back       -           -
//	withdrawn    -            anew, or ended ³ -           -
//
// ¹ succeeded; cancelled; waiting for a retry; dead. ² asked back instead if
// beats do not know the one that returned it. ³ by why it was asked back. ⁴ by
// on_lost, or on_announced. ⁵ of what is not due yet.
//
// # What holds at all times
//
//   - A (run, fence) pair names one handing-out. A report about an older one
//     changes nothing, nor does one of a member that does not hold the run.
//   - A run gets a new fence only when nobody can start it under the old one:
//     its holder gave it back or is gone, or it was withdrawn.
//   - The log and the written states together say what the shard knows: a new
//     owner that replays them decides as the last one would have (replay.go).
//
// # Bounds
//
//	unfinished runs of a job       max_unfinished, 1,000; beyond it queue_full
//	deferred due times of a job    100
//	backfills of a job             5, with 20 unfinished runs each; beyond it backfills_full
//	own environment or definition  256 KiB for all unfinished runs of a job; beyond it own_full
//	requests remembered of a job   1,000 of the last day
//	ends remembered of a job       10
//	records decided in a Step      about 3,000
//	events a new owner replays     those of a minute, or 50,000 changes
//	a run's time on a queue        24 hours, then it is handed out anew
//	a run's wait for a worker      as long as it would be caught up, else 7 days
//
// It is pure: it must never import a clock, a context, the network, a lock or
// a random source; of Belfry only job, schedule, run and member.
package shard
