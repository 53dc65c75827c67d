package topic

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// Version is the version this Belfry writes. It reads all from 0 (where
// records had no cluster and no version field) to Version.
const Version = 1

// DefaultCluster is the cluster of v0 records, which name none.
const DefaultCluster = "cluster-a"

// ErrVersion is wrapped by the error for a record of a later version.
var ErrVersion = errors.New("unknown record version")

// Job is a record in the jobs topic. A tombstone deletes the job.
type Job struct {
	V int `json:"v"`
	// AppliedAt is when and AppliedBy by whom the job was written.
	AppliedAt time.Time `json:"applied_at,omitzero"`
	AppliedBy string    `json:"applied_by,omitempty"`
	Job       job.Job   `json:"job"`

	Unknown map[string]any `json:",embed"`
}

// Codec is for who encodes and decodes many records: it learns a type only
// once, which the functions of the same names do with every record. It may be
// used from several goroutines.
type Codec struct{ writing, reading json.Options }

// NewCodec returns a codec.
func NewCodec() Codec { return Codec{writing: writing(), reading: reading()} }

// EncodeJob returns the value of a record in the jobs topic.
func EncodeJob(j Job) ([]byte, error) {
	j.V, j.AppliedBy = Version, cut(j.AppliedBy, maxWho)
	return encode(j)
}

// DecodeJob reads a record in the jobs topic, with the defaults of the fields
// it leaves out; a v0 job without a cluster belongs to DefaultCluster.
func DecodeJob(value []byte) (Job, error) { return NewCodec().DecodeJob(value) }

// DecodeJob does what the function of that name does, without learning the type anew.
func (c Codec) DecodeJob(value []byte) (Job, error) {
	var j Job
	if err := decodeWith(c.reading, value, &j, &j.V); err != nil {
		return Job{}, err
	}
	if j.Job.Cluster == "" {
		j.Job.Cluster = DefaultCluster
	}
	if j.Job.Name == "" {
		return Job{}, errors.New("job without a name")
	}
	var b bounds
	b.jobRecord(&j)
	if err := b.within(value, &j); err != nil {
		return Job{}, err
	}
	j.Job = j.Job.WithDefaults()
	return j, nil
}

// EncodeRun returns the value of a record in a runs or retries topic.
func EncodeRun(r run.Run) ([]byte, error) { return NewCodec().EncodeRun(r) }

// EncodeRun does what the function of that name does, without learning the type anew.
func (c Codec) EncodeRun(r run.Run) ([]byte, error) {
	r.V = Version
	fitRun(&r)
	return json.Marshal(&r, c.writing)
}

// DecodeRun reads a record in a runs or retries topic of the given cluster,
// which is that of a v0 run.
func DecodeRun(value []byte, cluster string) (run.Run, error) {
	return NewCodec().DecodeRun(value, cluster)
}

// DecodeRun does what the function of that name does, without learning the type anew.
func (c Codec) DecodeRun(value []byte, cluster string) (run.Run, error) {
	var r run.Run
	if err := decodeWith(c.reading, value, &r, &r.V); err != nil {
		return run.Run{}, err
	}
	if r.Cluster == "" {
		r.Cluster = cluster
	}
	if r.ID == "" || r.Job == "" || len(r.Command) == 0 || r.Attempt < 1 {
		return run.Run{}, errors.New("run without an ID, a job, a command or an attempt")
	}
	var b bounds
	b.run(&r)
	if err := b.within(value, &r); err != nil {
		return run.Run{}, err
	}
	return r, nil
}

// EncodeEvent returns the value of a record in the events topic.
func EncodeEvent(e run.Event) ([]byte, error) { return NewCodec().EncodeEvent(e) }

// EncodeEvent does what the function of that name does, without learning the type anew.
func (c Codec) EncodeEvent(e run.Event) ([]byte, error) {
	e.V = Version
	fitEvent(&e)
	return json.Marshal(&e, c.writing)
}

// DecodeEvent reads a record in the events topic.
func DecodeEvent(value []byte) (run.Event, error) { return NewCodec().DecodeEvent(value) }

// DecodeEvent does what the function of that name does, without learning the type anew.
func (c Codec) DecodeEvent(value []byte) (run.Event, error) {
	var e run.Event
	if err := decodeWith(c.reading, value, &e, &e.V); err != nil {
		return run.Event{}, err
	}
	if e.Type == "" || e.Job == "" {
		return run.Event{}, errors.New("event without a type or a job")
	}
	var b bounds
	b.event(&e)
	if err := b.within(value, &e); err != nil {
		return run.Event{}, err
	}
	return e, nil
}

// RequestVersion is the version of a request that must not be acted on without
// fields that version 1 does not have: a run with an environment of its own.
const RequestVersion = 2

// EncodeRequest returns the value of a record in the commands topic.
func EncodeRequest(r run.Request) ([]byte, error) {
	r.V, r.By = Version, cut(r.By, maxWho)
	if len(r.Env) > 0 {
		r.V = RequestVersion
	}
	return encode(r)
}

// DecodeRequest reads a record in the commands topic.
func DecodeRequest(value []byte) (run.Request, error) {
	var r run.Request
	if err := decodeUpTo(RequestVersion, reading(), value, &r, &r.V); err != nil {
		return run.Request{}, err
	}
	if r.Type == "" || r.Job == "" || r.ID == "" {
		return run.Request{}, errors.New("command without a type, a job or an ID")
	}
	var b bounds
	b.request(&r)
	if err := b.within(value, &r); err != nil {
		return run.Request{}, err
	}
	return r, nil
}

// EncodeNotice returns the value of a record in the notices topic.
func EncodeNotice(n run.Notice) ([]byte, error) {
	n.V = Version
	fitNotice(&n)
	return encode(n)
}

// DecodeNotice reads a record in the notices topic.
func DecodeNotice(value []byte) (run.Notice, error) {
	var n run.Notice
	if err := decode(value, &n, &n.V); err != nil {
		return run.Notice{}, err
	}
	if n.Type == "" || n.ID == "" || n.Job == "" {
		return run.Notice{}, errors.New("notice without a type, an ID or a job")
	}
	var b bounds
	b.notice(&n)
	if err := b.within(value, &n); err != nil {
		return run.Notice{}, err
	}
	return n, nil
}

// EncodeControl returns the value of a record in the control topic.
func EncodeControl(c run.Control) ([]byte, error) {
	c.V, c.Reason = Version, cut(c.Reason, maxReason)
	return encode(c)
}

// DecodeControl reads a record in the control topic.
func DecodeControl(value []byte) (run.Control, error) {
	var c run.Control
	if err := decode(value, &c, &c.V); err != nil {
		return run.Control{}, err
	}
	var b bounds
	b.control(&c)
	if err := b.within(value, &c); err != nil {
		return run.Control{}, err
	}
	return c, nil
}

// EncodeDeadLetter returns the value of a record in a dead topic.
func EncodeDeadLetter(d run.DeadLetter) ([]byte, error) {
	d.V = Version
	fitDeadLetter(&d)
	return encode(d)
}

// DecodeDeadLetter reads a record in a dead topic.
func DecodeDeadLetter(value []byte) (run.DeadLetter, error) {
	var d run.DeadLetter
	if err := decode(value, &d, &d.V); err != nil {
		return run.DeadLetter{}, err
	}
	var b bounds
	b.deadLetter(&d)
	if err := b.within(value, &d); err != nil {
		return run.DeadLetter{}, err
	}
	return d, nil
}

// EncodeOutput returns the value of a record in an output topic.
func EncodeOutput(o run.Output) ([]byte, error) { o.V = Version; return encode(o) }

// DecodeOutput reads a record in an output topic.
func DecodeOutput(value []byte) (run.Output, error) {
	var o run.Output
	if err := decode(value, &o, &o.V); err != nil {
		return run.Output{}, err
	}
	var b bounds
	b.output(&o)
	if err := b.within(value, &o); err != nil {
		return run.Output{}, err
	}
	return o, nil
}

// EncodeBeat returns the value of a record in the members topic.
func EncodeBeat(b member.Beat) ([]byte, error) { b.V = Version; return encode(b) }

// DecodeBeat reads a record in the members topic.
func DecodeBeat(value []byte) (member.Beat, error) {
	var m member.Beat
	if err := decode(value, &m, &m.V); err != nil {
		return member.Beat{}, err
	}
	if m.ID == "" || m.Role == "" {
		return member.Beat{}, errors.New("beat without an ID or a role")
	}
	var b bounds
	b.beat(&m)
	if err := b.within(value, &m); err != nil {
		return member.Beat{}, err
	}
	return m, nil
}

// Marshal encodes v as all of Belfry's JSON is encoded: durations as whole
// milliseconds.
func Marshal(v any) ([]byte, error) { return encode(v) }

func encode(v any) ([]byte, error) { return json.Marshal(v, writing()) }

func decode(value []byte, into any, version *int) error {
	return decodeWith(reading(), value, into, version)
}

// writing and reading are how all records are encoded and decoded. What they
// learn of the types is used again by who keeps them (Codec). Text that is not
// UTF-8, as an error that names a file, is mended when it is written.
func writing() json.Options {
	return json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true), json.WithMarshalers(json.MarshalToFunc(
		func(enc *jsontext.Encoder, d time.Duration) error {
			return enc.WriteToken(jsontext.Int(d.Milliseconds()))
		})))
}

func reading() json.Options {
	return json.WithUnmarshalers(json.UnmarshalFromFunc(
		func(dec *jsontext.Decoder, d *time.Duration) error {
			var ms float64
			if err := json.UnmarshalDecode(dec, &ms); err != nil {
				return err
			}
			if math.Abs(ms) > float64(math.MaxInt64/int64(time.Millisecond)) {
				return fmt.Errorf("%v milliseconds are out of range", ms)
			}
			*d = time.Duration(ms * float64(time.Millisecond))
			return nil
		}))
}

func decodeWith(o json.Options, value []byte, into any, version *int) error {
	return decodeUpTo(Version, o, value, into, version)
}

func decodeUpTo(newest int, o json.Options, value []byte, into any, version *int) error {
	if len(value) > MaxRecord {
		return fmt.Errorf("the record is %d bytes long; at most %d are read", len(value), MaxRecord)
	}
	if err := json.Unmarshal(value, into, o); err != nil {
		return brief(err)
	}
	if *version < 0 || *version > newest {
		return fmt.Errorf("%w %d (this Belfry reads 0 to %d)", ErrVersion, *version, newest)
	}
	return nil
}

// brief keeps the words of an error about a record short. They may quote a
// field as a whole, and stand in a line of a log.
func brief(err error) error {
	if text := err.Error(); len(text) > maxDeadReason {
		return errors.New(cut(text, maxDeadReason))
	}
	return err
}
