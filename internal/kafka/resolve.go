package kafka

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
)

// resolver holds the records of transactions back until their markers tell
// what became of them. The zero resolver lets everything through.
type resolver struct {
	open map[producer][]*kgo.Record
}

// producer is a transaction's producer in one partition. It has one
// transaction open at a time.
type producer struct {
	partition int32
	id        int64
}

// resolve returns which of the records, and of those held back before, are
// now known to be committed.
func (v *resolver) resolve(records []*kgo.Record) []*kgo.Record {
	if v.open == nil {
		return records
	}
	var known []*kgo.Record
	for _, r := range records {
		p := producer{r.Partition, r.ProducerID}
		switch {
		case r.Attrs.IsControl():
			if commits(r) {
				known = append(known, v.open[p]...)
			}
			delete(v.open, p)
		case r.Attrs.IsTransactional():
			v.open[p] = append(v.open[p], r)
		default:
			known = append(known, r)
		}
	}
	return known
}

// commits reports whether a control record is the marker of a commit: its key
// is a version and a type, two bytes each, the type 1 for a commit
// (org.apache.kafka.common.record.ControlRecordType).
func commits(r *kgo.Record) bool {
	return len(r.Key) >= 4 && binary.BigEndian.Uint16(r.Key[2:]) == 1
}
