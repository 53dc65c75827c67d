package history

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/belfry-cron/belfry/internal/run"
)

// uuidText is the length of a UUID as it is written.
const uuidText = 36

// key is a run's ID as the file holds it and orders it: a UUID by its 16 bytes,
// any other as text, before all UUIDs.
type key struct {
	uuid [16]byte
	text string // empty of a UUID
}

func keyOf(id run.ID) key {
	var k key
	if len(id) == uuidText && k.parse(string(id)) {
		return k
	}
	return key{text: string(id)}
}

// parse reads a UUID as it is written in lower case.
func (k *key) parse(id string) bool {
	n := 0
	for i := 0; i < len(id); {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if id[i] != '-' {
				return false
			}
			i++
			continue
		}
		high, low := nibble(id[i]), nibble(id[i+1])
		if high < 0 || low < 0 {
			return false
		}
		k.uuid[n] = byte(high<<4 | low)
		n++
		i += 2
	}
	return true
}

func nibble(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// column is the key as an argument of a statement.
func (k key) column() any {
	if k.text != "" {
		return k.text
	}
	return k.uuid[:]
}

// keyFrom reads a key out of a row.
func keyFrom(column any) key {
	switch v := column.(type) {
	case string:
		return key{text: v}
	case []byte:
		var k key
		copy(k.uuid[:], v)
		return k
	}
	return key{}
}

func (k key) id() run.ID {
	if k.text != "" {
		return run.ID(k.text)
	}
	var b [uuidText]byte
	at := 0
	for i, c := range k.uuid {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			b[at] = '-'
			at++
		}
		at += hex.Encode(b[at:], []byte{c})
	}
	return run.ID(b[:])
}

// compare is the order of keys in the file.
func (k key) compare(other key) int {
	switch {
	case k.text != "" && other.text != "":
		return strings.Compare(k.text, other.text)
	case k.text != "":
		return -1
	case other.text != "":
		return 1
	}
	return bytes.Compare(k.uuid[:], other.uuid[:])
}

// within returns the least and the greatest UUID that begin with a prefix of
// the written form, and false if none does.
func within(prefix string) (least, most []byte, ok bool) {
	if len(prefix) > uuidText {
		return nil, nil, false
	}
	fill := func(with string) (key, bool) {
		full := prefix + strings.Map(func(r rune) rune {
			if r == 'x' {
				return rune(with[0])
			}
			return r
		}, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"[len(prefix):])
		var k key
		return k, k.parse(full)
	}
	low, ok := fill("0")
	if !ok {
		return nil, nil, false
	}
	high, _ := fill("f")
	return low.uuid[:], high.uuid[:], true
}
