// Package foreign owns what was written for other schedulers: a host's cron
// tables, the scripts of its cron.daily and the like, anacron's table and the
// CronJobs of Kubernetes go in, a job file with the same due times comes out.
//
// Nothing is lost in silence: what Belfry has no counterpart for becomes a
// comment beside the job, and a line that can be no job becomes a comment in
// its place. Every job is checked as a job file's is before it is written.
//
// crontab.go, parts.go, anacron.go and manifest.go each read one form;
// expression.go knows where the forms differ about when, and write.go writes.
//
// It is pure: bytes in, a table out. It must never import a clock, a context,
// the network, a lock, a random source or any package of Belfry other than
// job and schedule.
package foreign
