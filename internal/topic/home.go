package topic

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// A record is read only where it belongs. A copy elsewhere would be acted on by
// two: a job in the partition of another shard would have every due time run
// twice, and a run in another cluster's queue would start there as well. Each
// function returns what is wrong with the place of a record, nil if nothing is.

// CheckJobPlace is for records about a job, in jobs, commands, events and
// state, of which there are as many partitions as shards.
func CheckJobPlace(at Place, key []byte, job string, shards int32) error {
	if string(key) != job {
		return fmt.Errorf("the record's key is %.60q, but it belongs under its job's name, %.60q", key, job)
	}
	if home := Partition(job, shards); at.Partition != home {
		return fmt.Errorf("the record is in partition %d, but those of job %.60q belong in %s/%d", at.Partition, job, at.Topic, home)
	}
	return nil
}

// CheckShardPlace is for the record of a shard in the state topic.
func CheckShardPlace(at Place, r ShardRecord) error {
	if r.Shard != at.Partition {
		return fmt.Errorf("the record is of shard %d and belongs in %s/%d, not in partition %d", r.Shard, at.Topic, r.Shard, at.Partition)
	}
	return nil
}

// CheckRunPlace is for records in a queue of the given cluster. Which partition
// of the queue they are in, the shard chose.
func CheckRunPlace(key []byte, r *run.Run, cluster string, shards int32) error {
	if string(key) != string(r.ID) {
		return fmt.Errorf("the record's key is %.60q, but it belongs under its run's ID, %s", key, r.ID)
	}
	if r.Cluster != cluster {
		return fmt.Errorf("the run is of cluster %.60q and belongs in a queue of it, not of %q", r.Cluster, cluster)
	}
	if home := Partition(r.Job, shards); r.Shard != home {
		return fmt.Errorf("the run names shard %d, but those of job %.60q belong to shard %d of %d", r.Shard, r.Job, home, shards)
	}
	return nil
}

// CheckControlPlace is for records in control that are for the reader's cluster.
// A record of a type that nobody knows may have any key.
func CheckControlPlace(key []byte, c *run.Control) error {
	if home := ControlKey(c); home != "" && string(key) != home {
		return fmt.Errorf("the record's key is %.60q, but it belongs under %.60q", key, home)
	}
	return nil
}

// ControlKey is the key of a record in control, where only the latest word about
// each run, cluster and member is kept. It is empty for a type nobody knows.
func ControlKey(c *run.Control) string {
	switch c.Type {
	case run.ControlRecall, run.ControlCancel, run.ControlConfirm:
		return string(c.Run)
	case run.ControlFree:
		return c.Cluster
	case run.ControlReplaced:
		return "member/" + c.Member
	}
	return ""
}

// CheckBeatPlace is for records in members.
func CheckBeatPlace(key []byte, b *member.Beat) error {
	if string(key) != b.ID {
		return fmt.Errorf("the record's key is %.60q, but it belongs under its member's ID, %.60q", key, b.ID)
	}
	return nil
}
