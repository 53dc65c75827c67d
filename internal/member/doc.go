// Package member owns who lives and who owns which shard, both read off the
// log of beats and off nothing else: every reader of the same log arrives at
// the same answer, and while Kafka is down nothing passes and nobody dies.
//
// It is pure: it must never import a clock, a context, the network, a lock,
// a random source or any package of Belfry other than run.
package member
