package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

var errNoRun = errors.New("the record names no run")

// letter takes a dead letter in.
func (b *batch) letter(r *Record) error {
	if r.Value == nil {
		return nil // somebody cleans up
	}
	l, err := topic.DecodeDeadLetter(r.Value)
	if err != nil {
		return err
	}
	b.letters = append(b.letters, logged[run.DeadLetter]{l, r})
	return nil
}

// recordPlace names a record by where it stands, the same on every server.
func recordPlace(r *Record) string {
	return topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}.String()
}

func (b *batch) writeLetters(ctx context.Context) error {
	for i := range b.letters {
		l := &b.letters[i]
		body, err := topic.EncodeDeadLetter(l.value)
		if err != nil {
			return fmt.Errorf("keeping a dead letter: %w", err)
		}
		cluster, _ := b.d.o.Names.Cluster(l.at.Topic)
		id, jobName, about := recordPlace(l.at), "", any(nil)
		if l.value.Topic != "" {
			// Letters of several members about one record are one: the first of them.
			id = topic.Place{Topic: l.value.Topic, Partition: l.value.Partition, Offset: l.value.Offset}.String()
		}
		if r := l.value.Run; r != nil {
			jobName, about = r.Job, keyOf(r.ID).column()
		}
		if err := b.w.exec(ctx, `INSERT INTO dead (id, at, cluster, job, reason, run, place, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET at = excluded.at, cluster = excluded.cluster, job = excluded.job, reason = excluded.reason,
			run = excluded.run, place = excluded.place, body = excluded.body
			WHERE (excluded.at, excluded.place) < (at, place)`,
			id, micros(l.value.At), cluster, jobName, l.value.Reason, about, recordPlace(l.at), body); err != nil {
			return fmt.Errorf("keeping a dead letter: %w", err)
		}
		change := Change{Kind: KindDead, Job: jobName, Cluster: cluster, Dead: &DeadLetter{DeadLetter: l.value, ID: id, Job: jobName, Cluster: cluster}}
		if l.value.Run != nil {
			change.Run = l.value.Run.ID
		}
		b.tell(change, l.at)
	}
	return nil
}

// request takes in what people asked of shards: of it only what settles dead
// runs counts here.
func (b *batch) request(r *Record) error {
	if r.Value == nil {
		return nil
	}
	q, err := topic.DecodeRequest(r.Value)
	if err == nil {
		err = b.placed(r, q.Job)
	}
	if err != nil {
		return err
	}
	if q.Type == run.RequestRequeue {
		b.requests = append(b.requests, logged[run.Request]{q, r})
	}
	return nil
}

func (b *batch) writeRequests(ctx context.Context) error {
	for _, q := range b.requests {
		if err := b.settle(ctx, q.value.Run, settledRequeue, q.value.At); err != nil {
			return err
		}
	}
	return nil
}

// How dead runs are settled.
const (
	settledRequeue = "requeue"
	settledDiscard = "discard"
)

// settle notes what somebody did about a dead run.
func (b *batch) settle(ctx context.Context, id run.ID, how string, at time.Time) error {
	if err := b.w.exec(ctx, `INSERT INTO settled (run, how, at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET at = max(at, excluded.at)`, keyOf(id).column(), how, micros(at)); err != nil {
		return fmt.Errorf("noting that run %s was settled: %w", id, err)
	}
	return nil
}

// common is what history reads of records of the audit and of notices; all else
// is for those who show them.
type common struct {
	At  time.Time `json:"at"`
	Job string    `json:"job"`
	By  string    `json:"by"`
}

// maxEntry bounds what is kept of one record of the audit or of notices.
const maxEntry = 1 << 20

// entry takes in a record of the audit or of notices, of which it only has to be
// an object.
func (b *batch) entry(r *Record) error {
	if r.Value == nil {
		return nil
	}
	if len(r.Value) > maxEntry {
		return fmt.Errorf("the record is %d bytes long; at most %d are kept", len(r.Value), maxEntry)
	}
	if kind := jsontext.Value(r.Value).Kind(); kind != '{' {
		return errors.New("the record is no JSON object")
	}
	var c common
	if err := json.Unmarshal(r.Value, &c); err != nil {
		return errors.New(cut(err.Error(), 1000))
	}
	e := Entry{ID: recordPlace(r), At: c.At, Job: c.Job, By: c.By, Record: jsontext.Value(r.Value)}
	if e.At.IsZero() {
		e.At = r.At
	}
	b.entries = append(b.entries, logged[Entry]{e, r})
	return nil
}

func (b *batch) writeEntries(ctx context.Context) error {
	for i := range b.entries {
		e := &b.entries[i]
		kind := KindAudit
		if strings.HasSuffix(e.at.Topic, "notices") {
			kind = KindNotice
		}
		if err := b.w.exec(ctx, "REPLACE INTO entries (kind, at, id, job, by, body) VALUES (?, ?, ?, ?, ?, ?)",
			string(kind), micros(e.value.At), e.value.ID, e.value.Job, e.value.By, []byte(e.value.Record)); err != nil {
			return fmt.Errorf("keeping a record of %s: %w", e.at.Topic, err)
		}
		b.tell(Change{Kind: kind, Job: e.value.Job, Entry: &e.value}, e.at)
	}
	return nil
}

// ringBeats is how many of the latest beats of a scheduler are kept: as many as
// say that a member is gone, and some more in case they came in a burst.
const ringBeats = 2 * member.WorkerGone

// beat takes a beat in. A tombstone is not one.
func (b *batch) beat(r *Record) error {
	if r.Value == nil {
		return nil
	}
	m, err := topic.DecodeBeat(r.Value)
	if err == nil {
		err = topic.CheckBeatPlace(r.Key, &m)
	}
	if err != nil {
		return err
	}
	b.beats = append(b.beats, logged[member.Beat]{m, r})
	return nil
}

func (b *batch) writeBeats(ctx context.Context) error {
	type cell struct {
		lane int32
		slot int64
	}
	latest := map[string]map[cell]*logged[member.Beat]{} // by member
	news := b.d.living.news()
	for i := range b.beats {
		m := &b.beats[i]
		if !news.follows(m.at.Partition, &m.value) {
			continue
		}
		cells := latest[m.value.ID]
		if cells == nil {
			cells = map[cell]*logged[member.Beat]{}
			latest[m.value.ID] = cells
		}
		here := cell{lane: m.at.Partition}
		if m.value.Role == member.RoleScheduler {
			here.slot = m.value.Seq % ringBeats
		}
		cells[here] = m
	}
	for id, cells := range latest {
		var newest *logged[member.Beat]
		for at, m := range cells {
			if err := b.w.exec(ctx, "REPLACE INTO beats (member, lane, slot, offset, body) VALUES (?, ?, ?, ?, ?)",
				id, at.lane, at.slot, m.at.Offset, m.at.Value); err != nil {
				return fmt.Errorf("keeping a beat of %s: %w", id, err)
			}
			if newest == nil || turnOf(&m.value).after(turnOf(&newest.value)) {
				newest = m
			}
		}
		b.tell(Change{Kind: KindMember, Cluster: newest.value.Cluster, Beat: &newest.value}, newest.at)
	}
	return nil
}
