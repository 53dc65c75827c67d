package claim

// None is the committed offset of a partition that has none.
const None int64 = -1

// Memory is up to where the runs of a queue's partitions were claimed, or may
// have been. A group commits that with its claims; where Kafka has lost it, the
// safe side is taken. The zero value knows nothing and doubts nothing.
type Memory struct{ until map[int32]int64 }

// Recall takes what the group has committed of a partition, None if nothing,
// where the partition starts and where it ends. It reports whether the group
// has no memory of it: all that stands there may have been claimed.
func (m *Memory) Recall(partition int32, committed, start, end int64) (lost bool) {
	if committed < start || committed > end {
		m.Claimed(partition, end)
		return start < end
	}
	m.Claimed(partition, committed)
	return false
}

// Claimed notes that a partition was claimed up to before an offset.
func (m *Memory) Claimed(partition int32, next int64) {
	if m.until == nil {
		m.until = map[int32]int64{}
	}
	m.until[partition] = max(m.until[partition], next)
}

// Doubts reports whether the record there may have been claimed before.
func (m *Memory) Doubts(partition int32, offset int64) bool { return offset < m.until[partition] }
