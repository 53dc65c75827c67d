// Package topic owns the wire: the names, settings and keys of Belfry's
// topics, which partition a key belongs to, and the codec of every record
// with its versions (fixtures of all released versions live under testdata/).
//
// It does no I/O: it must never import a Kafka client, a clock or a context.
package topic
