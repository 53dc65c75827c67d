package broker

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// space refuses records while the disk is nearly full. kfake acknowledges a
// commit even if its markers cannot be written: so what begins a write is
// refused while there still is room to end one. Clients retry until there is
// room again. It is used by the broker's goroutine only.
type space struct {
	dir     string
	reserve uint64
	log     *slog.Logger

	checked time.Time // when free was measured
	free    uint64
	since   uint64    // bytes accepted since
	said    time.Time // when a refusal was last logged

	full since // read by others
}

const (
	// spaceEvery and spaceBytes bound how stale the measured space may be.
	spaceEvery = 100 * time.Millisecond
	spaceBytes = 1 << 20
	sayEvery   = time.Minute
)

func newSpace(dir string, reserve uint64, log *slog.Logger) (*space, error) {
	s := &space{dir: dir, reserve: reserve, log: log}
	if !s.room(0) {
		return nil, fmt.Errorf("the disk of %s is full: %d MiB are free, %d MiB must be", dir, s.free>>20, reserve>>20)
	}
	return s, nil
}

// room reports whether n more bytes may be written.
func (s *space) room(n uint64) bool {
	now := time.Now()
	if now.Sub(s.checked) > spaceEvery || s.since > spaceBytes {
		var stat unix.Statfs_t
		if err := unix.Statfs(s.dir, &stat); err != nil {
			s.log.Error("the free space of the data folder is unknown", "folder", s.dir, "error", err)
			return true
		}
		s.free, s.since, s.checked = stat.Bavail*uint64(stat.Bsize), 0, now
	}
	s.since += n
	if s.free >= s.reserve+s.since {
		s.full.end()
		return true
	}
	s.full.begin(now)
	if now.Sub(s.said) > sayEvery {
		s.said = now
		s.log.Error("the disk is full: no record is accepted until there is room", "folder", s.dir,
			"free_bytes", s.free, "needed_bytes", s.reserve)
	}
	return false
}

// produce answers for the broker when there is no room, else nil.
func (s *space) produce(request kmsg.Request) kmsg.Response {
	req := request.(*kmsg.ProduceRequest)
	var n uint64
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			n += uint64(len(p.Records))
		}
	}
	if s.room(n) {
		return nil
	}
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, t := range req.Topics {
		refused := kmsg.NewProduceResponseTopic()
		refused.Topic, refused.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			answer := kmsg.NewProduceResponseTopicPartition()
			answer.Partition, answer.ErrorCode = p.Partition, kerr.KafkaStorageError.Code
			refused.Partitions = append(refused.Partitions, answer)
		}
		resp.Topics = append(resp.Topics, refused)
	}
	return resp
}

// createTopics answers for the broker when there is no room, else nil.
func (s *space) createTopics(request kmsg.Request) kmsg.Response {
	req := request.(*kmsg.CreateTopicsRequest)
	if s.room(0) {
		return nil
	}
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	for _, t := range req.Topics {
		refused := kmsg.NewCreateTopicsResponseTopic()
		refused.Topic, refused.ErrorCode = t.Topic, kerr.KafkaStorageError.Code
		refused.ErrorMessage = new("the disk of the embedded broker is full")
		resp.Topics = append(resp.Topics, refused)
	}
	return resp
}
