// Package virtual is a cluster of the real schedulers and workers in virtual
// time: all of them in one process, over the fake broker's network in memory,
// under testing/synctest. Hours pass in seconds, members are killed and cut
// off all the while, and what came of it goes to the judge of
// internal/sim/check.
//
// What only processes can show, it does not: a process that is frozen keeps
// its clock here, and a transaction costs nothing. test/soak is for that.
//
//	SPAN=24h SEED=7 go test -tags synctests ./test/virtual/
package virtual
