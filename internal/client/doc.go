// Package client owns the way from the command line to a server: it asks the API
// (package api) what the command line asks of Kafka without one, and answers
// with the same values (package query).
//
// A server's problem document is a *ProblemError; what is not there is the error that
// package query has for it. A stream that breaks is taken up again behind what
// was read last, up to ten times in a row.
//
// It must never ask Kafka, nor import the packages of schedulers and workers, or
// the read model.
package client
