// Package audit owns the record of a change that somebody made: who, in which
// role, by which way and from where, when, what, and the state before and after.
//
// Records lie in the topic "audit", keyed by the name of the job, or by
// "~access" for tokens, for 90 days. Before and After are JSON of at most
// MaxSide bytes each: values of environment variables and the standard input of
// a command are never in them (Side).
//
// It is pure: it must never import a clock, a context or a Kafka client.
package audit
