// Package site is what tests of real processes share: building belfry,
// starting, killing and freezing its processes, the journal that commands
// write about themselves, and the evidence that topics hold, in the form that
// internal/sim/check judges.
//
// It knows no test framework, so that commands for people can use it too.
package site
