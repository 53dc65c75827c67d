package topic

import (
	"errors"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
)

// EncodeAudit returns the value of a record in the audit topic.
func EncodeAudit(r audit.Record) ([]byte, error) {
	r.V, r.By, r.From = Version, cut(r.By, maxWho), cut(r.From, maxWho)
	return encode(r)
}

// DecodeAudit reads a record in the audit topic.
func DecodeAudit(value []byte) (audit.Record, error) {
	var r audit.Record
	if err := decode(value, &r, &r.V); err != nil {
		return audit.Record{}, err
	}
	if r.ID == "" || r.By == "" || r.Action == "" {
		return audit.Record{}, errors.New("audit record without an ID, an action or whose it was")
	}
	var b bounds
	b.audit(&r)
	if err := b.within(value, &r); err != nil {
		return audit.Record{}, err
	}
	return r, nil
}

// EncodeToken returns the value of a record in the access topic.
func EncodeToken(t access.Token) ([]byte, error) {
	t.V, t.MadeBy = Version, cut(t.MadeBy, maxWho)
	return encode(t)
}

// DecodeToken reads a record in the access topic.
func DecodeToken(value []byte) (access.Token, error) {
	var t access.Token
	if err := decode(value, &t, &t.V); err != nil {
		return access.Token{}, err
	}
	if t.ID == "" || t.Name == "" || t.Hash == "" {
		return access.Token{}, errors.New("token without an ID, a name or a hash")
	}
	var b bounds
	b.token(&t)
	if err := b.within(value, &t); err != nil {
		return access.Token{}, err
	}
	return t, nil
}

func (b *bounds) audit(r *audit.Record) {
	b.text("id", r.ID, maxWho)
	b.instant("at", r.At)
	b.text("by", r.By, maxWho)
	b.word("role", string(r.Role))
	b.word("via", string(r.Via))
	b.text("from", r.From, maxWho)
	b.word("action", string(r.Action))
	b.text("job", r.Job, maxWho)
	b.id("run", string(r.Run))
	b.text("before", string(r.Before), audit.MaxSide)
	b.text("after", string(r.After), audit.MaxSide)
	b.unknown(r.Unknown)
}

func (b *bounds) token(t *access.Token) {
	b.plain("id", t.ID, maxID)
	b.text("name", t.Name, maxWho)
	b.plain("hash", t.Hash, maxKey)
	b.word("role", string(t.Role))
	b.length("scope.clusters", len(t.Scope.Clusters), access.MaxScope)
	for _, c := range t.Scope.Clusters {
		b.text("scope.clusters", c, maxWho)
	}
	b.length("scope.labels", len(t.Scope.Labels), access.MaxScope)
	for name, value := range t.Scope.Labels {
		b.text("scope.labels", name, maxWho)
		b.text("scope.labels", value, maxText)
	}
	b.instant("made_at", t.MadeAt)
	b.text("made_by", t.MadeBy, maxWho)
	b.instant("ends_at", t.EndsAt)
	b.unknown(t.Unknown)
}
