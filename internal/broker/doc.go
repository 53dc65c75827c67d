// Package broker owns the embedded broker: Kafka's protocol in this process,
// for one machine without a Kafka. It is franz-go's kfake, a test broker, kept
// honest by what this package puts around it:
//
//   - one process per data folder (lock.go);
//   - after a crash, transactions cut short are finished as a real
//     coordinator would: committed everywhere if the commit had reached any
//     partition, else aborted everywhere, with their group offsets and their
//     producers fenced (journal.go, repair.go);
//   - compaction only at start-up and only by copying (compact.go), since
//     kfake's own loses data when killed; the background one is off;
//   - expired records are deleted at start-up and hourly, but never the last
//     of a partition, since kfake would begin its offsets anew (retention.go);
//   - nothing is accepted any more when the disk is nearly full, while what
//     was accepted can still be committed (space.go).
//
// Its limits, which the documentation repeats: one broker, one replica, one
// goroutine for everything; compacted topics shrink only at start-up; without
// SyncWrites a power cut (not a crash of the process) may lose the last
// seconds; a group's rebalance timer starts anew with every join, so members
// must not come and go faster than the rebalance timeout; a topic deleted in
// the instant of a crash may keep its files.
//
// It must never import anything of Belfry, nor be imported by anything but
// the wiring: to all others it is a Kafka like any other.
package broker
