package job

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Version is a short hash of everything that decides when, where and how the
// job runs: two jobs with the same version behave alike. Name counts;
// Description, Labels, Source and what is told about it do not. It is the same in every process and
// in every release that knows the same fields.
func (j Job) Version() string { return j.version(versionJSON()) }

// versionJSON is how a job is encoded to be hashed. What it learns of the
// types is used again by who keeps it.
func versionJSON() json.Options {
	return json.JoinOptions(json.Deterministic(true), jsontext.AllowInvalidUTF8(true),
		json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, d time.Duration) error {
			return enc.WriteToken(jsontext.Int(d.Milliseconds()))
		})))
}

func (j Job) version(encoding json.Options) string {
	j.Description, j.Labels, j.Source = "", nil, ""
	j.Notify, j.ExpectSuccessWithin, j.DoneBy = nil, 0, ""
	encoded, err := json.Marshal(j, encoding)
	if err != nil {
		// Only an Unknown field that clashes with a known one or a factor
		// that is no number cannot be encoded; such a job is like no other.
		encoded = []byte(j.Name + "\x00" + err.Error())
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:6])
}

// Digest is a short hash of the whole definition, of what Version leaves out
// as well: whoever changes a job names the one they saw.
func (j Job) Digest() string {
	encoded, err := json.Marshal(j, versionJSON())
	if err != nil { // as in version
		encoded = []byte(j.Name + "\x00" + err.Error())
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:8])
}
