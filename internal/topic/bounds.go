package topic

import (
	"fmt"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
)

// MaxRecord bounds what is read, and what is written again, in bytes: it
// leaves room below the 1 MB that Kafka and its clients take by default.
const MaxRecord = 950_000

// The bounds of fields, in bytes unless said otherwise. What lies beyond them
// would be copied into other records, kept in memory or counted up from.
const (
	maxWord   = 64  // one of a few words, as a type or a state
	maxID     = 64  // of a run
	maxKey    = 96  // ID:fence
	maxWho    = 256 // of a member, as Kafka bounds its client ID, and of whoever else wrote something
	maxReason = 2 << 10
	maxText   = 4 << 10
	maxTail   = 8 << 10
	maxChunk  = 80 << 10
	// maxUnknown bounds the fields of later releases that a record carries.
	maxUnknown = 16 << 10

	// maxCount bounds fences, offsets and whatever else only grows: it can be
	// counted up from for as long as anybody lives.
	maxCount = 1 << 62
	// maxSmall bounds attempts, hops and slots, maxPartition the number of a
	// partition.
	maxSmall     = 1_000_000
	maxPartition = 100_000
	maxExit      = 1 << 32

	// The lengths of lists.
	maxPartitions = 10_000
	maxHeld       = 10_000
	maxActive     = job.MaxUnfinished + 100
	maxRecent     = 100
	maxRequests   = 2_000
	maxCalendars  = 64
	maxRules      = 400
	maxBlackouts  = 1_000
	maxNotify     = 100
	maxTargets    = job.MaxNotify * job.MaxTargets
	// MaxListed bounds what a shard's record and a scheduler's beat list of what
	// is held back. Releases before these lists keep them as unknown fields, of
	// which they read maxUnknown.
	MaxListed = 50
	// surelyFits is the length up to which a record fits MaxRecord however it
	// is written again: a short list of empty objects grows by the fields that
	// are always written.
	surelyFits = 256 << 10
)

// The instants that RFC 3339 can write, in seconds since 1970.
const (
	firstInstant = -62_167_219_200 // 0000-01-01
	lastInstant  = 253_402_300_799 // 9999-12-31
)

// bounds holds a record against its bounds, field by field, and keeps the
// first thing it finds. A field is named by its JSON name.
type bounds struct{ err error }

func (b *bounds) text(field, value string, most int) {
	if len(value) > most {
		b.fail("%s is %d bytes long; at most %d are read", field, len(value), most)
	}
}

// word is for one of a few words. One that nobody knows is passed over.
func (b *bounds) word(field, value string) { b.text(field, value, maxWord) }

// id is for the ID of a run, which is a key, a part of paths and of keys in
// beats.
func (b *bounds) id(field, value string) { b.plain(field, value, maxID) }

// plain is for text that is written as it is read: printable ASCII without
// blanks and without what JSON escapes.
func (b *bounds) plain(field, value string, most int) {
	b.text(field, value, most)
	for i := range len(value) {
		if c := value[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			b.fail("%s holds byte %#x; it is letters, digits and marks", field, c)
			return
		}
	}
}

func (b *bounds) number(field string, value, least, most int64) {
	if value < least || value > most {
		b.fail("%s is %d; it is between %d and %d", field, value, least, most)
	}
}

// count is for what only grows.
func (b *bounds) count(field string, value int64) { b.number(field, value, 0, maxCount) }

func (b *bounds) small(field string, value int) { b.number(field, int64(value), 0, maxSmall) }

func (b *bounds) partition(field string, value int32) { b.number(field, int64(value), 0, maxPartition) }

func (b *bounds) partitions(field string, values []int32) {
	b.length(field, len(values), maxPartitions)
	for _, p := range values {
		b.partition(field, p)
	}
}

func (b *bounds) length(field string, n, most int) {
	if n > most {
		b.fail("%s has %d entries; at most %d are read", field, n, most)
	}
}

// instant is for what must be written again in UTC.
func (b *bounds) instant(field string, value time.Time) {
	if s := value.Unix(); s < firstInstant || s > lastInstant {
		b.fail("%s is in the year %d by UTC; it is between 0 and 9999", field, value.UTC().Year())
	}
}

func (b *bounds) duration(field string, value time.Duration) {
	if value < -job.MaxDuration || value > job.MaxDuration {
		b.fail("%s is %v; it is at most %v", field, value, job.MaxDuration)
	}
}

func (b *bounds) factor(field string, value float64) {
	if !(value >= -maxSmall && value <= maxSmall) {
		b.fail("%s is %v; it is at most %d", field, value, maxSmall)
	}
}

func (b *bounds) variables(field string, values map[string]string) {
	b.length(field, len(values), job.MaxEnv)
	for name, value := range values {
		b.text(field, name, job.MaxRecord)
		b.text(field, value, job.MaxRecord)
	}
}

// unknown is for the fields of later releases, at one place of the record.
func (b *bounds) unknown(fields map[string]any) {
	if len(fields) == 0 {
		return
	}
	if n := sizeOf(fields); n > maxUnknown {
		b.fail("unknown fields take %d bytes; at most %d are kept", n, maxUnknown)
	}
}

// sizeOf is about what a value takes when it is written.
func sizeOf(value any) int {
	const separators, number = 4, 24
	switch v := value.(type) {
	case string:
		return len(v) + separators
	case map[string]any:
		n := separators
		for name, field := range v {
			n += len(name) + separators + sizeOf(field)
		}
		return n
	case []any:
		n := separators
		for _, element := range v {
			n += sizeOf(element)
		}
		return n
	}
	return number // or a word
}

func (b *bounds) fail(format string, args ...any) {
	if b.err == nil {
		b.err = fmt.Errorf(format, args...)
	}
}

// within is the end of decoding: what the bounds say of the record and, of a
// long one, that it can be written again.
func (b *bounds) within(value []byte, record any) error {
	if b.err != nil || len(value) <= surelyFits {
		return b.err
	}
	again, err := encode(record)
	if err == nil && len(again) > MaxRecord {
		err = fmt.Errorf("the record takes %d bytes when it is written again; at most %d are read", len(again), MaxRecord)
	}
	return err
}
