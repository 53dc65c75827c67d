// Package check judges what Belfry did, from two independent accounts of it:
// the lines that the commands themselves wrote when they started and ended,
// and the records in Belfry's topics.
//
// What was to happen it works out by itself: due times by walking the wall
// clock second by second, the rest from the jobs' definitions. It shares no
// code with the packages that decide (schedule, shard, claim), so that an
// error there is not repeated here.
//
// It is pure, and its input is plain values: the same judge serves the
// simulator (package sim) and tests with real processes.
package check
