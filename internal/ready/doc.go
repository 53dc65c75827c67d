// Package ready owns the answer to /readyz: whether a role does its work now,
// and if not, why and since when.
//
// A role's state is a value of facts, which its shell gathers at each request;
// Reasons decides over it and the time. Nothing is remembered between two
// requests but what the facts themselves say, so the answer follows the state
// both ways. Patience is the one limit: what takes longer is a reason.
//
// It imports nothing of Belfry and asks nobody: an answer must not wait for
// Kafka, about which it is to tell.
package ready
