package history

import (
	"context"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Entry is a record of the audit or of the notices, as it was written.
type Entry struct {
	ID     string         `json:"id"` // its place in the log, the same on every server
	At     time.Time      `json:"at"`
	Job    string         `json:"job,omitempty"`
	By     string         `json:"by,omitempty"`
	Record jsontext.Value `json:"record"`
}

// AuditFilter says which changes are wanted. Zero fields let all in.
type AuditFilter struct {
	Job, By string
	Since   time.Time
	After   string
	Limit   int // at most 500; 100 if zero
}

// AuditPage is a page of changes, newest first.
type AuditPage struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty"`
}

// Audit returns what people changed, newest first.
func (d *DB) Audit(ctx context.Context, f AuditFilter) (AuditPage, error) {
	return AuditPage{}, errNotBuilt
}

// NoticeFilter says which notices are wanted. Zero fields let all in.
type NoticeFilter struct {
	Job   string
	Since time.Time
	After string
	Limit int // at most 500; 100 if zero
}

// NoticePage is a page of notices, newest first.
type NoticePage struct {
	Entries []Entry `json:"entries"`
	Next    string  `json:"next,omitempty"`
}

// Notices returns what people were told, newest first.
func (d *DB) Notices(ctx context.Context, f NoticeFilter) (NoticePage, error) {
	return NoticePage{}, errNotBuilt
}
