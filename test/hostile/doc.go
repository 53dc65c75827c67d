// Package hostile sends records that nobody should send to every topic of
// running schedulers and workers: garbage, values beyond every range, good
// records where they do not belong, reports of strangers. Meanwhile some jobs
// are due each second, and the judge of internal/sim/check says what became of
// them: every other job goes on, each due time runs once, and what could not be
// read stands in dead letters, in the log and in the metrics.
//
// The members are the real shells, in one process, over the fake broker; only
// the commands are made up. What is sent when follows from a seed.
//
//	SEED=7 FOR=10m go test -timeout 1h ./test/hostile/
package hostile
