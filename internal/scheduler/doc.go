// Package scheduler is the shard's hands: it beats, reads off the log of
// beats which shards are this scheduler's, takes them over, feeds each shard
// what the topics and the clock say, and commits what it decides, one
// transaction a step.
//
// Each goroutine is a role with a file of its own: the watcher follows the
// members topic and keeps the owned shards, the beater beats, the feeder of a
// shard reads its topics, and the loop of a shard steps and commits. It must
// never import another shell; it meets workers in the topics.
package scheduler
