package broker

import (
	"math"
)

// windowSize is how many batches of a producer a broker remembers.
const windowSize = 5

// sequenceWindow is a window in kfake's seq_windows.json.
type sequenceWindow struct {
	PID       int64                     `json:"pid"`
	Topic     string                    `json:"topic"`
	Partition int32                     `json:"partition"`
	Entries   [windowSize]sequenceEntry `json:"entries"`
	Count     uint8                     `json:"count"`
	At        uint8                     `json:"at"`
	Epoch     int16                     `json:"epoch"`
	Seen      bool                      `json:"seen"`
	Next      int32                     `json:"next_seq"`
}

type sequenceEntry struct {
	First  int32 `json:"first_seq"`
	Next   int32 `json:"next_seq"`
	Offset int64 `json:"offset"`
}

// windows are those of one partition, by producer.
type windows map[int64]*windowAt

type windowAt struct {
	sequenceWindow
	written int64 // timestamp of the last batch
}

func (w windows) add(b batch) {
	if b.control() || b.pid() < 0 || b.firstSequence() < 0 {
		return
	}
	at := w[b.pid()]
	if at == nil || at.Epoch != b.epoch() {
		at = &windowAt{sequenceWindow: sequenceWindow{PID: b.pid(), Epoch: b.epoch(), Seen: true}}
		w[b.pid()] = at
	}
	next := int32((int64(b.firstSequence()) + int64(b.records())) % math.MaxInt32)
	at.Entries[at.At] = sequenceEntry{First: b.firstSequence(), Next: next, Offset: b.firstOffset()}
	at.At = (at.At + 1) % windowSize
	at.Count = min(at.Count+1, windowSize)
	at.Next, at.written = next, b.maxTimestamp()
}

// recent returns the windows of producers that wrote after since (in
// milliseconds since 1970).
func (w windows) recent(p *partition, since int64) []sequenceWindow {
	var all []sequenceWindow
	for _, at := range w {
		if at.written < since {
			continue
		}
		at.Topic, at.Partition = p.topic, p.number
		all = append(all, at.sequenceWindow)
	}
	return all
}
