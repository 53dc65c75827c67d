package broker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// compactFrom is the size a partition must have grown by, beyond twice
	// what was left of it last time, to be worth compacting.
	compactFrom = 1 << 20

	// compactBatch is how many records a rewritten batch holds.
	compactBatch = 200

	day = 24 * time.Hour
)

// compact rewrites every compacted partition that has grown much: the last
// record of each key stays, with its offset. It returns the bytes of the
// rewritten ones before and after. A new folder is written beside the old one
// and takes its place by renaming: killed at any point, one of them is whole.
func compact(data string, now time.Time) (before, after int64, err error) {
	work := filepath.Join(data, "belfry-compacting")
	if err := recoverSwap(data, work); err != nil {
		return 0, 0, err
	}
	topics, err := readTopics(data)
	if err != nil {
		return 0, 0, err
	}
	all, err := partitions(data)
	if err != nil {
		return 0, 0, err
	}
	sizes, err := readSizes(data)
	if err != nil {
		return 0, 0, err
	}
	for i := range all {
		p := &all[i]
		at := slices.IndexFunc(topics, func(t topicEntry) bool { return t.Name == p.topic })
		if at < 0 || !strings.Contains(topics[at].Configs["cleanup.policy"], "compact") {
			continue
		}
		name := filepath.Base(p.dir)
		size, err := p.size()
		if err != nil {
			return before, after, err
		}
		if size < 2*sizes[name]+compactFrom {
			continue
		}
		left, err := p.compact(work, tombstonesBefore(topics[at], now))
		if err != nil {
			return before, after, fmt.Errorf("topic %s, partition %d: %w", p.topic, p.number, err)
		}
		before, after, sizes[name] = before+size, after+left, left
	}
	if before == 0 {
		return 0, 0, nil
	}
	return before, after, writeSizes(data, sizes)
}

func sizesPath(data string) string { return filepath.Join(data, "belfry-compacted.json") }

// readSizes returns what was left of each partition when last compacted.
func readSizes(data string) (map[string]int64, error) {
	sizes := map[string]int64{}
	raw, err := os.ReadFile(sizesPath(data))
	if errors.Is(err, os.ErrNotExist) {
		return sizes, nil
	}
	if err == nil {
		err = json.Unmarshal(raw, &sizes)
	}
	return sizes, err
}

func writeSizes(data string, sizes map[string]int64) error {
	raw, err := json.Marshal(sizes)
	if err != nil {
		return err
	}
	return replace(sizesPath(data), raw)
}

// tombstonesBefore is the time (milliseconds since 1970) before which
// tombstones go too.
func tombstonesBefore(t topicEntry, now time.Time) int64 {
	keep := day.Milliseconds()
	if ms, err := strconv.ParseInt(t.Configs["delete.retention.ms"], 10, 64); err == nil {
		keep = ms
	}
	return now.UnixMilli() - keep
}

func (p *partition) size() (int64, error) {
	var n int64
	for _, base := range p.segments {
		info, err := os.Stat(p.path(base, ".dat"))
		if err != nil {
			return 0, err
		}
		n += info.Size()
	}
	return n, nil
}

// compact rewrites one partition and returns its new size. No transaction may
// be open in it.
func (p *partition) compact(work string, tombstones int64) (int64, error) {
	var raw []byte
	for _, base := range p.segments {
		content, err := os.ReadFile(p.path(base, ".dat"))
		if err != nil {
			return 0, err
		}
		raw = append(raw, content...)
	}
	batches, valid := split(raw)
	if valid < len(raw) {
		return 0, fmt.Errorf("unreadable from byte %d of its log on", valid)
	}
	if len(batches) < 2 {
		return int64(len(raw)), nil
	}
	// The last batch stays as it is: kfake takes from it where to go on.
	last := batches[len(batches)-1]
	records, err := p.committed(raw, batches)
	if err != nil {
		return 0, err
	}
	kept := newest(records, tombstones, last.firstOffset())
	content, idx := rewrite(kept, last)
	if err := p.writeNew(work, content, idx, cmp.Or(firstOffset(kept), last.firstOffset())); err != nil {
		return 0, err
	}
	return int64(len(content)), p.swap(work)
}

func firstOffset(records []*kgo.Record) int64 {
	if len(records) == 0 {
		return 0
	}
	return records[0].Offset
}

// committed decodes all records but those of aborted transactions.
func (p *partition) committed(raw []byte, batches []batch) ([]*kgo.Record, error) {
	response := kmsg.FetchResponseTopicPartition{Partition: p.number, RecordBatches: raw}
	open := map[int64]int64{}
	for _, b := range batches {
		switch {
		case b.transactional():
			if _, ok := open[b.pid()]; !ok {
				open[b.pid()] = b.firstOffset()
			}
		case b.control():
			first, ok := open[b.pid()]
			if ok && !b.commits() {
				response.AbortedTransactions = append(response.AbortedTransactions,
					kmsg.FetchResponseTopicPartitionAbortedTransaction{ProducerID: b.pid(), FirstOffset: first})
			}
			delete(open, b.pid())
		}
	}
	if len(open) > 0 {
		return nil, errors.New("a transaction is open")
	}
	fetched, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
		Topic: p.topic, Partition: p.number, IsolationLevel: kgo.ReadCommitted(),
	}, &response, kgo.DefaultDecompressor(), nil)
	return fetched.Records, fetched.Err
}

// newest returns the last record of each key that lies before offset end;
// those behind it count but are kept elsewhere.
func newest(records []*kgo.Record, tombstones, end int64) []*kgo.Record {
	latest := make(map[string]int64, len(records))
	for _, r := range records {
		if r.Key != nil {
			latest[string(r.Key)] = r.Offset
		}
	}
	var kept []*kgo.Record
	for _, r := range records {
		superseded := r.Key != nil && latest[string(r.Key)] != r.Offset
		gone := r.Value == nil && r.Timestamp.UnixMilli() < tombstones
		if !superseded && !gone && r.Offset < end {
			kept = append(kept, r)
		}
	}
	return kept
}

// rewrite returns the content and index of a segment with records, as those
// of no transaction, and the batch last.
func rewrite(records []*kgo.Record, last batch) (content, idx []byte) {
	for chunk := range slices.Chunk(records, compactBatch) {
		b := pack(chunk, last.leaderEpoch())
		content, idx = append(content, b...), append(idx, indexEntry(b)...)
	}
	return append(content, last...), append(idx, indexEntry(last)...)
}

func pack(records []*kgo.Record, leaderEpoch int32) batch {
	first, end := records[0], records[len(records)-1]
	b := kmsg.RecordBatch{
		FirstOffset: first.Offset, PartitionLeaderEpoch: leaderEpoch, LastOffsetDelta: int32(end.Offset - first.Offset),
		FirstTimestamp: first.Timestamp.UnixMilli(), MaxTimestamp: first.Timestamp.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(len(records)),
	}
	for _, r := range records {
		at := r.Timestamp.UnixMilli()
		b.MaxTimestamp = max(b.MaxTimestamp, at)
		record := kmsg.Record{TimestampDelta64: at - b.FirstTimestamp, OffsetDelta: int32(r.Offset - first.Offset), Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			record.Headers = append(record.Headers, kmsg.Header{Key: h.Key, Value: h.Value})
		}
		b.Records = appendRecord(b.Records, record)
	}
	return seal(b)
}

// The folders of a swap: new is complete once it has its name.
func (p *partition) newDir(work string) string {
	return filepath.Join(work, filepath.Base(p.dir)+".new")
}

func (p *partition) oldDir(work string) string {
	return filepath.Join(work, filepath.Base(p.dir)+".old")
}

func (p *partition) writeNew(work string, content, idx []byte, base int64) error {
	dir := p.newDir(work)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name := filepath.Join(dir, strconv.FormatInt(base, 10))
	return errors.Join(replace(name+".dat", content), replace(name+".idx", idx))
}

// swap puts the new folder in the place of the old one.
func (p *partition) swap(work string) error {
	if err := os.Rename(p.dir, p.oldDir(work)); err != nil {
		return err
	}
	if err := os.Rename(p.newDir(work), p.dir); err != nil {
		return err
	}
	return os.RemoveAll(work)
}

// recoverSwap puts an old folder back whose place is empty, and clears up.
func recoverSwap(data, work string) error {
	dirs, err := os.ReadDir(work)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range dirs {
		name, ok := strings.CutSuffix(d.Name(), ".old")
		if !ok {
			continue
		}
		place := filepath.Join(data, "partitions", name)
		if _, err := os.Stat(place); errors.Is(err, os.ErrNotExist) {
			if err := os.Rename(filepath.Join(work, d.Name()), place); err != nil {
				return err
			}
		}
	}
	return os.RemoveAll(work)
}
