// Package plan owns what jobs fire over a while: the due times around an
// instant and what the clock does between them (upcoming.go), how two sets of
// jobs differ in what they fire (compare.go, pair.go), and how much falls on
// each minute (load.go) or each day and hour (heat.go).
//
// Everything is bounded, since a job may fire each second: what is counted is
// counted exactly, what is listed is listed up to a limit that the answer
// shows.
//
// It is pure: due times come from functions it is given. It must never import
// a clock, a context, the network, a lock, a random source or any package of
// Belfry other than schedule.
package plan
