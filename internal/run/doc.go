// Package run owns what becomes of a due time: runs, attempts, outcomes, the
// events that report them and the requests people make about them.
//
// The types here are the payloads of the records in Belfry's topics, so
// their JSON names are the protocol (docs/protocol.md); durations travel as
// whole milliseconds, instants as RFC 3339 in UTC. It is pure: it must never
// import a clock, a context, the network, a lock or a random source, and of
// Belfry only job.
package run
