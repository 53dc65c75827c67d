package broker

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// minFrame is the shortest header: key, version, correlation ID and the
	// length of the client's name.
	minFrame = 10

	// maxFrame is what Kafka's own brokers take at most by default.
	maxFrame = 100 << 20

	// maxWindow bounds the header of a request, and all of a request of
	// somebody who is not authenticated yet.
	maxWindow = 8 << 10
)

// versions are those of one request that the broker answers; from flexible
// on, its header ends with tags.
type versions struct{ min, max, flexible int16 }

// requests are those that the broker answers, by key.
type requests map[int16]versions

// header is what a frame begins with, behind its length.
type header struct {
	key, version int16
	correlation  int32
	flexible     bool
}

// newRequests makes the table of what the broker says that it answers.
func newRequests(said []kmsg.ApiVersionsResponseApiKey) requests {
	all := requests{}
	for _, k := range said {
		req := kmsg.RequestForKey(k.ApiKey)
		if req == nil {
			continue // the broker would have no name for it either
		}
		v := versions{min: k.MinVersion, max: k.MaxVersion, flexible: k.MaxVersion + 1}
		for at := k.MaxVersion; at >= k.MinVersion; at-- {
			if req.SetVersion(at); req.IsFlexible() {
				v.flexible = at
			}
		}
		all[k.ApiKey] = v
	}
	return all
}

// header reads the header that frame begins with, and returns what follows
// it. The broker would panic on a key it does not know, and turn in circles
// on tags that are not there.
func (r requests) header(frame []byte) (header, kbin.Reader, error) {
	b := kbin.Reader{Src: frame}
	h := header{key: b.Int16(), version: b.Int16(), correlation: b.Int32()}
	known, ok := r[h.key]
	switch {
	case !ok:
		return h, b, fmt.Errorf("request %d is unknown", h.key)
	case h.version < known.min, h.version > known.max && h.key != kmsg.ApiVersions.Int16():
		return h, b, fmt.Errorf("%s has version %d, not one of %d to %d", kmsg.NameForKey(h.key), h.version, known.min, known.max)
	}
	h.flexible = h.version >= known.flexible
	b.NullableString() // the client's name
	if h.flexible {
		skipTags(&b)
	}
	if !b.Ok() {
		return h, b, fmt.Errorf("the header of %s ends early or is longer than %d bytes", kmsg.NameForKey(h.key), maxWindow)
	}
	return h, b, nil
}

// stranger checks the whole body of what may be asked before authentication.
func (h header) stranger(body kbin.Reader) error {
	switch kmsg.Key(h.key) {
	case kmsg.ApiVersions:
		if h.flexible {
			body.CompactString()
			body.CompactString()
			if h.version >= 5 {
				body.CompactNullableString()
				body.Int32()
			}
		}
	case kmsg.SASLHandshake:
		body.UnsafeString()
	case kmsg.SASLAuthenticate:
		if h.flexible {
			body.CompactBytes()
		} else {
			body.Bytes()
		}
	default:
		return errEarly
	}
	if h.flexible {
		skipTags(&body)
	}
	if !body.Ok() {
		return fmt.Errorf("the body of %s ends early", kmsg.NameForKey(h.key))
	}
	return nil
}

// errEarly says that a request came before authentication.
var errEarly = errors.New("this is asked of a broker only after authentication")

// skipTags skips tags if as many are there as are said to be: each has two
// bytes at least.
func skipTags(b *kbin.Reader) {
	n := int(b.Uvarint())
	if n > len(b.Src)/2 {
		b.Src = nil
		b.Int8() // which makes it a bad reader
		return
	}
	for range n {
		b.Uvarint()
		b.Span(int(b.Uvarint()))
	}
}
