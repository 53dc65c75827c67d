// Package lint finds what is valid in job files and yet seldom meant: traps of
// cron's language, what a clock change will do, limits that work against each
// other. Each lint has a code, explained in docs/lints.md, and can be silenced
// for a job with a reason.
//
// code.go lists the codes; expression.go looks at how a schedule is written,
// due.go at the due times it names, clock.go at clock changes, load.go at all
// jobs together. Work is bounded: what is asked of one schedule is found out
// once for all jobs that have it.
//
// It is pure: a job.Set and the time in, findings out. It must never import a
// clock, a context, the network, a lock, a random source or any package of
// Belfry other than job and schedule.
package lint
