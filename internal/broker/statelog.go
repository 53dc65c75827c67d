package broker

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// producerEntry is an entry of kfake's pids.log.
type producerEntry struct {
	Type    string `json:"type"` // init, endtx or timeout
	PID     int64  `json:"pid"`
	Epoch   int16  `json:"epoch"`
	TxID    string `json:"txid,omitempty"`
	Timeout int32  `json:"timeout,omitempty"`
	Commit  *bool  `json:"commit,omitempty"`
}

// groupEntry is a "commit" entry of kfake's groups.log.
type groupEntry struct {
	Type       string  `json:"type"`
	Group      string  `json:"g"`
	Topic      string  `json:"t,omitempty"`
	Partition  int32   `json:"p,omitempty"`
	Offset     int64   `json:"o,omitempty"`
	Epoch      int32   `json:"e,omitempty"`
	Metadata   *string `json:"m,omitempty"`
	LastCommit *int64  `json:"lc,omitempty"`
}

// stateLog reads one of kfake's append logs ([length][CRC][version][JSON],
// little endian) and cuts off what is unreadable at its end: kfake would go
// on behind it, where nothing is found again.
func stateLog(path string) (entries [][]byte, size int64, err error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	at := 0
	for at+10 <= len(raw) {
		length := int(binary.LittleEndian.Uint32(raw[at:]))
		if length < 2 || length > len(raw)-at-8 {
			break
		}
		body := raw[at+8 : at+8+length]
		if castagnoli(body) != binary.LittleEndian.Uint32(raw[at+4:]) {
			break
		}
		entries = append(entries, body[2:])
		at += 8 + length
	}
	if at < len(raw) {
		if err := os.Truncate(path, int64(at)); err != nil {
			return nil, 0, err
		}
	}
	return entries, int64(at), nil
}

// stateEntry frames v for one of kfake's append logs.
func stateEntry(v any) ([]byte, error) {
	content, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	entry := make([]byte, 10, 10+len(content))
	binary.LittleEndian.PutUint32(entry, uint32(2+len(content)))
	binary.LittleEndian.PutUint16(entry[8:], 1)
	entry = append(entry, content...)
	binary.LittleEndian.PutUint32(entry[4:], castagnoli(entry[8:]))
	return entry, nil
}

// producer is what the producers' log says last of one.
type producer struct {
	epoch         int16
	transactional bool
}

// producers returns all producers by ID, and the log's length.
func producers(data string) (map[int64]producer, int64, error) {
	entries, size, err := stateLog(producersPath(data))
	if err != nil {
		return nil, 0, fmt.Errorf("reading the producers' log: %w", err)
	}
	all := map[int64]producer{}
	for _, raw := range entries {
		var e producerEntry
		if err := json.Unmarshal(raw, &e); err != nil {
			continue // kfake skips it too
		}
		p := all[e.PID]
		all[e.PID] = producer{epoch: e.Epoch, transactional: p.transactional || e.TxID != ""}
	}
	return all, size, nil
}

func groupsPath(data string) string { return filepath.Join(data, "groups.log") }

// commitOffsets appends offsets to the groups' log. A topic given by its ID
// that is no more is left out.
func commitOffsets(data string, offsets []pending, now int64) error {
	topics, err := readTopics(data)
	if err != nil {
		return err
	}
	var entries []byte
	for _, o := range offsets {
		at := slices.IndexFunc(topics, func(t topicEntry) bool { return t.Name == o.Topic || o.Topic == "" && bytes.Equal(t.ID, o.TopicID) })
		if at < 0 {
			continue
		}
		entry, err := stateEntry(groupEntry{
			Type: "commit", Group: o.Group, Topic: topics[at].Name, Partition: o.Partition,
			Offset: o.Offset, Epoch: o.Epoch, Metadata: o.Metadata, LastCommit: &now,
		})
		if err != nil {
			return err
		}
		entries = append(entries, entry...)
	}
	return extend(groupsPath(data), entries)
}

// topicEntry is a topic in kfake's topics.json.
type topicEntry struct {
	Name    string            `json:"name"`
	ID      []byte            `json:"id"`
	Configs map[string]string `json:"configs"`
}

func readTopics(data string) ([]topicEntry, error) {
	raw, err := os.ReadFile(filepath.Join(data, "topics.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var file struct {
		Topics []topicEntry `json:"topics"`
	}
	if err == nil {
		err = json.Unmarshal(raw, &file)
	}
	if err != nil {
		return nil, fmt.Errorf("reading topics.json: %w", err)
	}
	return file.Topics, nil
}
