package topic

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
)

// The parts of an unreadable record that its dead letter carries. A record as
// large as Kafka takes would not fit into a letter, since JSON makes bytes a
// third longer; the letter says where the whole of it stands.
const (
	maxDeadKey    = 1 << 10
	maxDeadValue  = 16 << 10
	maxDeadReason = 1 << 10
)

// Place is where a record stands.
type Place struct {
	Topic     string
	Partition int32
	Offset    int64
}

// String is the form a place takes in keys: topic/partition/offset.
func (p Place) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

// Unreadable returns the dead letter for a record that cannot be read, with a
// bounded part of its key, its value and the reason.
func Unreadable(at time.Time, by string, why error, place Place, key, value []byte) run.DeadLetter {
	d := run.DeadLetter{
		At: at, By: by, Reason: cut(why.Error(), maxDeadReason),
		Topic: place.Topic, Partition: place.Partition, Offset: place.Offset,
		Key: key[:min(len(key), maxDeadKey)], Value: value[:min(len(value), maxDeadValue)],
	}
	if len(key) > maxDeadKey {
		d.KeyBytes = len(key)
	}
	if len(value) > maxDeadValue {
		d.ValueBytes = len(value)
	}
	return d
}
