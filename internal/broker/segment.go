package broker

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"
)

// The layout kfake keeps a partition in (persist.go at the pinned commit):
// <base>.dat holds record batches as on the wire, <base>.idx one entry of 15
// bytes for each. kfake trusts the index to say which batches belong to
// transactions, but writes it second.
const (
	indexEntrySize = 15
	batchHeader    = 61 // bytes of a batch before its records
	attrControl    = 0x20
	attrTxn        = 0x10
)

func castagnoli(p []byte) uint32 { return crc32.Checksum(p, crc32.MakeTable(crc32.Castagnoli)) }

// batch is the header of one record batch, and all of its bytes.
type batch []byte

func (b batch) firstOffset() int64 { return int64(binary.BigEndian.Uint64(b)) }
func (b batch) leaderEpoch() int32 { return int32(binary.BigEndian.Uint32(b[12:])) }
func (b batch) attributes() int16  { return int16(binary.BigEndian.Uint16(b[21:])) }
func (b batch) nextOffset() int64 {
	return b.firstOffset() + int64(binary.BigEndian.Uint32(b[23:])) + 1
}
func (b batch) maxTimestamp() int64 { return int64(binary.BigEndian.Uint64(b[35:])) }
func (b batch) pid() int64          { return int64(binary.BigEndian.Uint64(b[43:])) }
func (b batch) epoch() int16        { return int16(binary.BigEndian.Uint16(b[51:])) }
func (b batch) firstSequence() int32 {
	return int32(binary.BigEndian.Uint32(b[53:]))
}
func (b batch) records() int32 { return int32(binary.BigEndian.Uint32(b[57:])) }

func (b batch) control() bool { return b.attributes()&attrControl != 0 }

// transactional reports whether a marker decides what becomes of the batch.
func (b batch) transactional() bool { return b.attributes()&attrTxn != 0 && !b.control() }

// commits reports whether a control batch is a commit marker.
func (b batch) commits() bool {
	var r kmsg.Record
	if err := r.ReadFrom(b[batchHeader:]); err != nil || len(r.Key) < 4 {
		return false
	}
	return binary.BigEndian.Uint16(r.Key[2:]) == 1
}

// split cuts a segment into its batches; valid is how many bytes they have.
func split(raw []byte) (batches []batch, valid int) {
	for valid+batchHeader <= len(raw) {
		length := int(binary.BigEndian.Uint32(raw[valid+8:]))
		if length < batchHeader-12 || length > len(raw)-valid-12 {
			break
		}
		b := batch(raw[valid : valid+12+length])
		if castagnoli(b[21:]) != binary.BigEndian.Uint32(b[17:]) {
			break
		}
		batches = append(batches, b)
		valid += len(b)
	}
	return batches, valid
}

// indexEntry is the index entry of b as kfake writes it, except for the
// running maximum of timestamps, which it computes anew when loading.
func indexEntry(b batch) []byte {
	e := make([]byte, indexEntrySize)
	e[0] = 1 // version
	binary.LittleEndian.PutUint32(e[2:], uint32(b.leaderEpoch()))
	binary.LittleEndian.PutUint64(e[6:], uint64(b.maxTimestamp()))
	if b.transactional() {
		e[14] = 1
	}
	e[1] = byte(castagnoli(e[2:]))
	return e
}

// indexed reports whether idx is a right index of the batches.
func indexed(idx []byte, batches []batch) bool {
	if len(idx) != len(batches)*indexEntrySize {
		return false
	}
	for i, b := range batches {
		e := idx[i*indexEntrySize:][:indexEntrySize]
		if byte(castagnoli(e[2:])) != e[1] || b.transactional() && e[14]&1 == 0 {
			return false
		}
	}
	return true
}

// partition is one partition's folder.
type partition struct {
	topic    string
	number   int32
	dir      string
	segments []int64 // base offsets, ascending
}

func (p *partition) path(base int64, extension string) string {
	return filepath.Join(p.dir, strconv.FormatInt(base, 10)+extension)
}

// partitions lists what is under data/partitions.
func partitions(data string) ([]partition, error) {
	root := filepath.Join(data, "partitions")
	dirs, err := os.ReadDir(root)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []partition
	for _, d := range dirs {
		at := strings.LastIndexByte(d.Name(), '-')
		if !d.IsDir() || at < 0 {
			continue
		}
		topic, err := url.PathUnescape(d.Name()[:at])
		if err != nil {
			return nil, fmt.Errorf("folder %s: %w", d.Name(), err)
		}
		number, err := strconv.ParseInt(d.Name()[at+1:], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("folder %s: %w", d.Name(), err)
		}
		p := partition{topic: topic, number: int32(number), dir: filepath.Join(root, d.Name())}
		if p.segments, err = segments(p.dir); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func segments(dir string) ([]int64, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var bases []int64
	for _, f := range files {
		name, ok := strings.CutSuffix(f.Name(), ".dat")
		if !ok {
			continue
		}
		if base, err := strconv.ParseInt(name, 10, 64); err == nil {
			bases = append(bases, base)
		}
	}
	slices.SortFunc(bases, cmp.Compare[int64])
	return bases, nil
}

// seal computes the length and CRC of b and returns its bytes.
func seal(b kmsg.RecordBatch) batch {
	b.Magic = 2
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], castagnoli(raw[21:]))
	return raw
}

// appendRecord appends r as it stands in a batch, its length before it.
func appendRecord(to []byte, r kmsg.Record) []byte {
	r.Length = 0
	r.Length = int32(len(r.AppendTo(nil)) - 1) // a length of zero is encoded in one byte
	return r.AppendTo(to)
}

// marker is the control batch that ends a transaction at offset.
func marker(offset int64, leaderEpoch int32, pid int64, epoch int16, commit bool, at int64) batch {
	key := kmsg.ControlRecordKey{Type: kmsg.ControlRecordKeyTypeAbort}
	if commit {
		key.Type = kmsg.ControlRecordKeyTypeCommit
	}
	end := kmsg.EndTxnMarker{}
	return seal(kmsg.RecordBatch{
		FirstOffset: offset, PartitionLeaderEpoch: leaderEpoch, Attributes: attrControl | attrTxn,
		FirstTimestamp: at, MaxTimestamp: at, ProducerID: pid, ProducerEpoch: epoch, FirstSequence: -1, NumRecords: 1,
		Records: appendRecord(nil, kmsg.Record{Key: key.AppendTo(nil), Value: end.AppendTo(nil)}),
	})
}

// replace writes a file so that after a crash it is there in full or as it
// was before.
func replace(path string, content []byte) error {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// extend appends to a file and has it on the disk.
func extend(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
