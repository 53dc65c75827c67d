package broker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// prepared is what a coordinator writes down before it ends a transaction:
// all it takes to go on after a crash. The broker does one thing at a time,
// so only the last one can have been cut short.
type prepared struct {
	ProducerID int64     `json:"pid"`
	Epoch      int16     `json:"epoch"`
	Commit     bool      `json:"commit"`
	At         int64     `json:"at"` // milliseconds since 1970: no marker of it is older
	Producers  int64     `json:"producers"`
	Offsets    []pending `json:"offsets,omitempty"`
}

// Producers, above, is the length of the producers' log: it grows as the last
// step of ending a transaction.

// pending is one offset a transaction commits.
type pending struct {
	Group     string  `json:"group"`
	Topic     string  `json:"topic,omitempty"` // or its ID, as the client named it
	TopicID   []byte  `json:"topic_id,omitempty"`
	Partition int32   `json:"partition"`
	Offset    int64   `json:"offset"`
	Epoch     int32   `json:"epoch"`
	Metadata  *string `json:"metadata,omitempty"`
}

// journal keeps the last prepared transaction in a file. It is used by the
// broker's goroutine only.
type journal struct {
	file      *os.File
	producers string
	sync      bool
	open      map[string]*openOffsets // by transactional ID
}

// openOffsets are what a transaction that goes on has asked to commit.
type openOffsets struct {
	pid     int64
	epoch   int16
	offsets []pending
}

func journalPath(data string) string { return filepath.Join(data, "belfry-transaction.journal") }

func producersPath(data string) string { return filepath.Join(data, "pids.log") }

func openJournal(data string, sync bool) (*journal, error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	// What an earlier life of the broker prepared is settled by now.
	f, err := os.OpenFile(journalPath(data), os.O_CREATE|os.O_TRUNC|os.O_RDWR|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the transaction journal: %w", err)
	}
	return &journal{file: f, producers: producersPath(data), sync: sync, open: map[string]*openOffsets{}}, nil
}

func (j *journal) close() error { return j.file.Close() }

// offsets takes note of a TxnOffsetCommit. The broker may refuse it, but then
// no sane client commits the transaction.
func (j *journal) offsets(request kmsg.Request) kmsg.Response {
	req := request.(*kmsg.TxnOffsetCommitRequest)
	open := j.open[req.TransactionalID]
	if open == nil || open.pid != req.ProducerID || open.epoch != req.ProducerEpoch {
		open = &openOffsets{pid: req.ProducerID, epoch: req.ProducerEpoch}
		j.open[req.TransactionalID] = open
	}
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			open.offsets = append(open.offsets, pending{
				Group: req.Group, Topic: t.Topic, TopicID: t.TopicID[:], Partition: p.Partition,
				Offset: p.Offset, Epoch: p.LeaderEpoch, Metadata: p.Metadata,
			})
		}
	}
	return nil
}

// end writes the journal before the broker ends the transaction. If that
// fails it answers in its place, with an error that clients retry.
func (j *journal) end(request kmsg.Request, now time.Time) (kmsg.Response, error) {
	req := request.(*kmsg.EndTxnRequest)
	p := prepared{ProducerID: req.ProducerID, Epoch: req.ProducerEpoch, Commit: req.Commit, At: now.UnixMilli()}
	if open := j.open[req.TransactionalID]; open != nil {
		delete(j.open, req.TransactionalID)
		if open.pid == req.ProducerID && open.epoch == req.ProducerEpoch && req.Commit {
			p.Offsets = open.offsets
		}
	}
	if err := j.write(p); err != nil {
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
		return resp, err
	}
	return nil, nil
}

// write puts p where the one before it was: [length][CRC][JSON]. A crash in
// the middle leaves something unreadable, which means that nothing of p was
// done yet.
func (j *journal) write(p prepared) error {
	info, err := os.Stat(j.producers)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err == nil {
		p.Producers = info.Size()
	}
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	entry := make([]byte, 8, 8+len(body))
	binary.LittleEndian.PutUint32(entry, uint32(len(body)))
	binary.LittleEndian.PutUint32(entry[4:], crc32.ChecksumIEEE(body))
	if _, err := j.file.WriteAt(append(entry, body...), 0); err != nil {
		return err
	}
	if j.sync {
		return j.file.Sync()
	}
	return nil
}

// readJournal returns the last prepared transaction if it may have been cut
// short, else nil.
func readJournal(data string, producers int64) (*prepared, error) {
	raw, err := os.ReadFile(journalPath(data))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(raw) < 8 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the transaction journal: %w", err)
	}
	length := int64(binary.LittleEndian.Uint32(raw))
	if length > int64(len(raw)-8) {
		return nil, nil
	}
	body := raw[8 : 8+length]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(raw[4:]) {
		return nil, nil
	}
	var p prepared
	if err := json.Unmarshal(body, &p); err != nil {
		return nil, fmt.Errorf("reading the transaction journal: %w", err)
	}
	if p.Producers != producers {
		return nil, nil // it went on after that transaction: it was ended
	}
	return &p, nil
}
