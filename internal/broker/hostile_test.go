package broker

import (
	"maps"
	"math"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// hostile fills a request with values that a sane client never sends.
type hostile struct{ t *rapid.T }

func (h hostile) fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if rapid.Bool().Draw(h.t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			h.fill(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Version" && f.Name != "UnknownTags" {
				h.fill(v.Field(i))
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes(h.bytes())
			return
		}
		n := rapid.IntRange(0, 2).Draw(h.t, "len")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			h.fill(v.Index(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			h.fill(v.Index(i))
		}
	case reflect.String:
		v.SetString(rapid.SampledFrom([]string{"", "x", "y", "new", "-1", "cleanup.policy", "3", "../../x", "a=b", "\xff"}).Draw(h.t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(h.t, "bool"))
	case reflect.Float64:
		v.SetFloat(rapid.SampledFrom([]float64{0, -1, math.NaN(), math.Inf(1)}).Draw(h.t, "float"))
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.SampledFrom([]int64{0, 1, 2, -1, -2, 3, 100, math.MaxInt32, math.MinInt32, math.MaxInt64, math.MinInt64}).Draw(h.t, "int"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.SampledFrom([]uint64{0, 1, 255}).Draw(h.t, "uint"))
	default:
		panic(v.Type().String())
	}
}

// bytes are a batch of records or noise.
func (h hostile) bytes() []byte {
	if rapid.Bool().Draw(h.t, "noise") {
		return rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(h.t, "bytes")
	}
	b := kmsg.RecordBatch{}
	h.fill(reflect.ValueOf(&b).Elem())
	b.Records = rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(h.t, "records")
	raw := []byte(seal(b))
	if rapid.Bool().Draw(h.t, "cut") {
		raw = raw[:rapid.IntRange(0, len(raw)).Draw(h.t, "at")]
	}
	return raw
}

// serving is a broker with topics, and a client that sees whether it lives.
type serving struct {
	b       *Broker
	witness *rawClient
	c       *rawClient // which sends what is hostile; nil once its connection was closed
}

func newServing(t testing.TB) *serving {
	t.Helper()
	b := start(t, Options{Dir: t.TempDir()})
	cl := client(t, b)
	create(t, cl, "x", 2, nil)
	create(t, cl, "y", 1, map[string]string{"cleanup.policy": "compact"})
	return &serving{b: b, witness: member(t, b)}
}

// requireSurvives sends raw, waits a moment for an answer, which need not
// come, and asks whether the broker still answers others.
func (s *serving) requireSurvives(t *testing.T, raw []byte) {
	if s.c == nil {
		s.c = member(t, s.b)
	}
	_, err := s.c.conn.Write(raw)
	if err == nil {
		require.NoError(t, s.c.conn.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
		_, err = s.c.answer()
	}
	if err != nil {
		_ = s.c.conn.Close()
		s.c = nil
	}
	require.NoError(t, s.witness.conn.SetDeadline(time.Now().Add(30*time.Second)))
	s.witness.ask(kmsg.NewPtrListGroupsRequest())
}

// TestNoRequestEndsTheBroker asks everything the broker answers, with values
// it does not expect. A panic of its goroutine could not be recovered: those
// that were found this way are kept from it (answeredVersions, boundTopics).
func TestNoRequestEndsTheBroker(t *testing.T) {
	s := newServing(t)
	keys := slices.Sorted(maps.Keys(s.b.front.requests))
	rapid.Check(t, func(rt *rapid.T) {
		key := rapid.SampledFrom(keys).Draw(rt, "key")
		v := s.b.front.requests[key]
		req := kmsg.RequestForKey(key)
		req.SetVersion(rapid.Int16Range(v.min, v.max).Draw(rt, "version"))
		hostile{rt}.fill(reflect.ValueOf(req).Elem())
		s.requireSurvives(t, frame(req))
	})
}

// Two topics that are gone, in one request that names them by their IDs, made
// the broker panic.
func TestProducingToTopicsThatAreGone(t *testing.T) {
	s := newServing(t)
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks = 13, 1
	for id := range byte(2) {
		topic := kmsg.NewProduceRequestTopic()
		topic.TopicID[0] = id + 1
		topic.Partitions = append(topic.Partitions, kmsg.NewProduceRequestTopicPartition())
		req.Topics = append(req.Topics, topic)
	}
	s.requireSurvives(t, frame(req))
}

func TestTopicsAreBoundedInWidth(t *testing.T) {
	b := start(t, Options{})
	adm := kadm.NewClient(client(t, b))
	_, err := adm.CreateTopic(limited(t), math.MaxInt32, 1, nil, "wide")
	require.ErrorIs(t, err, kerr.InvalidPartitions)
	_, err = adm.CreateTopic(limited(t), maxPartitions, 1, nil, "wide")
	require.NoError(t, err)
	grown, err := adm.UpdatePartitions(limited(t), math.MaxInt32, "wide")
	require.NoError(t, err)
	require.ErrorIs(t, grown["wide"].Err, kerr.InvalidPartitions)
}

func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 10, 0x7f, 0x7f, 0, 0, 0, 0, 0, 1, 0xff, 0xff})
	f.Add(frame(kmsg.NewPtrApiVersionsRequest()))
	f.Add(frame(&kmsg.MetadataRequest{Version: 12, Topics: []kmsg.MetadataRequestTopic{{Topic: new("x")}}}))
	f.Add(frame(&kmsg.ProduceRequest{Version: 9, Acks: 1, Topics: []kmsg.ProduceRequestTopic{{
		Topic: "x", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: seal(kmsg.RecordBatch{NumRecords: 1, Records: []byte{1}})}},
	}}}))
	s := newServing(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s.witness.t = t
		s.requireSurvives(t, raw)
	})
}
