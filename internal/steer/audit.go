package steer

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/topic"
)

// noted is the record of who changed what.
func (s *Steer) noted(who access.Principal, at time.Time, r audit.Record) (*kgo.Record, error) {
	r.ID, r.At = uuid.NewString(), at
	r.By, r.Role, r.Via, r.From = who.Name, who.Role, who.Via, who.From
	value, err := topic.EncodeAudit(r)
	if err != nil {
		return nil, fmt.Errorf("encoding what is noted of %s: %w", r.Key(), err)
	}
	return &kgo.Record{Topic: s.topics.Names.Audit(), Key: []byte(r.Key()), Value: value}, nil
}

// side is a job before or after a change. Of one that is too long only the
// name, the version and the length are kept.
func side(j *job.Job) (jsontext.Value, error) {
	if j == nil {
		return nil, nil
	}
	value, err := topic.Marshal(j)
	if err == nil && len(value) > audit.MaxSide {
		value, err = topic.Marshal(struct {
			Name    string `json:"name"`
			Version string `json:"version"`
			Bytes   int    `json:"bytes"`
		}{j.Name, j.Digest(), len(value)})
	}
	if err != nil {
		return nil, fmt.Errorf("encoding job %s for the audit: %w", j.Name, err)
	}
	return value, nil
}

// told is JSON of what an audit record says beside its own fields.
func told(fields map[string]any) (jsontext.Value, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	return topic.Marshal(fields)
}
