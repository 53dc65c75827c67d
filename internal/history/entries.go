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
	where := &conditions{}
	if f.By != "" {
		where.and("by = ?", f.By)
	}
	entries, next, err := d.entries(ctx, KindAudit, f.Job, f.Since, where, f.After, limited(f.Limit))
	return AuditPage{entries, next}, err
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
	entries, next, err := d.entries(ctx, KindNotice, f.Job, f.Since, &conditions{}, f.After, limited(f.Limit))
	return NoticePage{entries, next}, err
}

// entries reads a page of entries, and returns where the next begins.
func (d *DB) entries(ctx context.Context, kind Kind, job string, since time.Time, where *conditions, after string, limit int) ([]Entry, string, error) {
	entries, next := []Entry{}, ""
	where.and("kind = ?", string(kind))
	if job != "" {
		where.and("job = ?", job)
	}
	if !since.IsZero() {
		where.and("at >= ?", micros(since))
	}
	if after != "" {
		var at int64
		var id string
		if err := resume(after, &at, &id); err != nil {
			return entries, next, err
		}
		where.and("(at, id) < (?, ?)", at, id)
	}
	err := d.ask(ctx, func(q *asking) error {
		return q.each("SELECT id, at, job, by, body FROM entries WHERE "+where.String()+" ORDER BY at DESC, id DESC LIMIT ?",
			append(where.args, limit+1), func(scan func(...any) error) error {
				var e Entry
				var at int64
				var body []byte
				if err := scan(&e.ID, &at, &e.Job, &e.By, &body); err != nil {
					return err
				}
				if len(entries) == limit {
					last := &entries[limit-1]
					next = cursor(micros(last.At), last.ID)
					return nil
				}
				e.At, e.Record = instant(at), body
				entries = append(entries, e)
				return nil
			})
	})
	return entries, next, err
}
