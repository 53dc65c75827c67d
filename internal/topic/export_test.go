package topic

import (
	"fmt"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/shard"
)

// Check holds a record, given by its pointer, against its bounds.
func Check(record any) error {
	var b bounds
	switch r := record.(type) {
	case *Job:
		b.jobRecord(r)
	case *run.Run:
		b.run(r)
	case *run.Event:
		b.event(r)
	case *run.Request:
		b.request(r)
	case *run.Control:
		b.control(r)
	case *run.DeadLetter:
		b.deadLetter(r)
	case *run.Output:
		b.output(r)
	case *run.Notice:
		b.notice(r)
	case *member.Beat:
		b.beat(r)
	case *ShardRecord:
		b.shardRecord(r)
	case *shard.JobState:
		b.state(r)
	default:
		return fmt.Errorf("%T is no record", record)
	}
	return b.err
}
