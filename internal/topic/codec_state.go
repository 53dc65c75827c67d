package topic

import (
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/shard"
)

// The keys in the state topic that are not job names; no job name begins
// with a tilde.
const (
	// ShardKey holds a shard's ShardRecord.
	ShardKey = "~shard"
	// BarrierKey is written by a new owner to know where the log ends.
	BarrierKey = "~barrier"
)

// IsJobKey reports whether a key of the state topic names a job.
func IsJobKey(key string) bool { return !strings.HasPrefix(key, "~") }

// ShardRecord is how far a shard's owner has followed the topics, written in
// the transaction that holds what followed from it.
type ShardRecord struct {
	V     int   `json:"v"`
	Shard int32 `json:"shard"`

	// The offsets to go on from, in the shard's partition of each topic.
	Jobs     int64 `json:"jobs_offset"`
	Commands int64 `json:"commands_offset"`
	Events   int64 `json:"events_offset"`

	// Replay is the offset in events from which on the job states are to be
	// brought up to date by the log.
	Replay int64 `json:"replay_offset"`

	// Aside are the first MaxListed by name of the jobs that are set aside
	// because their records can never be committed, AsideMore is how many more
	// there are.
	Aside     []Aside `json:"aside,omitempty"`
	AsideMore int     `json:"aside_more,omitzero"`

	Owner       string    `json:"owner"`
	Incarnation int64     `json:"incarnation"`
	At          time.Time `json:"at"`

	Unknown map[string]any `json:",embed"`
}

// Aside is a job for which nothing is decided, and the reason.
type Aside struct {
	Job    string `json:"job"`
	Reason string `json:"reason"`
}

// StateVersion is the version of the records of the state topic. Version 1
// wrote a job's state with every change, so that nothing had to be replayed.
// Version 3 has runs with an environment or a definition of their own, and
// backfills; a state without either is of version 2.
const StateVersion, plainVersion = 3, 2

// EncodeShard returns the value of the shard record in the state topic.
func EncodeShard(r ShardRecord) ([]byte, error) { r.V = plainVersion; return encode(r) }

// DecodeShard reads the shard record in the state topic.
func DecodeShard(value []byte) (ShardRecord, error) {
	var r ShardRecord
	if err := decodeUpTo(StateVersion, reading(), value, &r, &r.V); err != nil {
		return ShardRecord{}, err
	}
	var b bounds
	b.shardRecord(&r)
	if err := b.within(value, &r); err != nil {
		return ShardRecord{}, err
	}
	if r.V < plainVersion {
		r.Replay = r.Events
	}
	return r, nil
}

// EncodeState returns the value of a job's state in the state topic.
func EncodeState(st shard.JobState) ([]byte, error) { return NewCodec().EncodeState(st) }

// EncodeState does what the function of that name does, without learning the type anew.
func (c Codec) EncodeState(st shard.JobState) ([]byte, error) {
	st.V = plainVersion
	if st.HoldsOwn() || len(st.Backfills) > 0 {
		st.V = StateVersion
	}
	fitState(&st)
	return json.Marshal(&st, c.writing)
}

// DecodeState reads a job's state in the state topic.
func DecodeState(value []byte) (shard.JobState, error) { return NewCodec().DecodeState(value) }

// DecodeState does what the function of that name does, without learning the type anew.
func (c Codec) DecodeState(value []byte) (shard.JobState, error) {
	var st shard.JobState
	if err := decodeUpTo(StateVersion, c.reading, value, &st, &st.V); err != nil {
		return shard.JobState{}, err
	}
	if st.Job == "" {
		return shard.JobState{}, errors.New("state without a job")
	}
	var b bounds
	b.state(&st)
	if err := b.within(value, &st); err != nil {
		return shard.JobState{}, err
	}
	return st, nil
}
