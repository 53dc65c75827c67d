// Package broker owns the embedded broker: Kafka's protocol in this process,
// for one machine without a Kafka. It is franz-go's kfake, a test broker, kept
// honest by what this package puts around it:
//
//   - clients meet a front first (front.go, conn.go): it hands on only frames
//     with a request that kfake answers (frame.go), since others panic it;
//     bounds how many connections there are, before and after authentication,
//     and how long each may take to authenticate, to send a request, to take
//     an answer and to ask nothing; and goes on accepting after errors;
//   - a connection is a stranger's until it has authenticated with the secret
//     of the data folder (secret.go), and may do nothing else before; the
//     other commands of the same user find the secret (announce.go);
//   - the data folder is its owner's alone and holds no links (folder.go);
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
// Its limits, which the documentation repeats: one process of one user; 1024
// connections, 128 of them strangers'; requests of 100 MiB, of strangers
// 8 KiB; topics of 1000 partitions (width.go); who has the secret is trusted
// not to flood it; one broker, one replica, one
// goroutine for everything; compacted topics shrink only at start-up; without
// SyncWrites a power cut (not a crash of the process) may lose the last
// seconds; a group's rebalance timer starts anew with every join, so members
// must not come and go faster than the rebalance timeout; a topic deleted in
// the instant of a crash may keep its files.
//
// It must never import anything of Belfry, nor be imported by anything but
// the wiring: to all others it is a Kafka like any other.
package broker
