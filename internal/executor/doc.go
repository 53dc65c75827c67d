// Package executor holds the ways a run's command may be run, one package
// each: exec runs it as a process of the worker's own host.
//
// It has no code of its own and must never get any: what the ways have in
// common is the shape of their Run method, and that belongs to the worker,
// which calls it.
package executor
