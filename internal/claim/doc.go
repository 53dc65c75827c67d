// Package claim is the worker's brain: which runs to take, when to start
// them, what to give back and what to end. The shell (package worker) tells
// it what happened and what time it is, and does what it answers:
//
//	Limit → poll → Decide → claim transaction → Step(Claimed) → SendStarting →
//	Step(StartingAcked) → Exec on the due time → Step(Exited) → SendFinished →
//	Step(Settled)
//
// A handing-out is known by its run.Key throughout. Every claimed one ends in
// exactly one of Exec, SendReturned, SendDropped or a SendFinished that says
// it was cancelled before it began.
//
// It is pure: it must never import a clock, a context, the network, a lock,
// a log or a random source, and of Belfry only job and run.
package claim
