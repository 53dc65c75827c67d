package history

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Fold takes in the next records of each partition, in its order; those that
// were folded before change nothing. All of it is one transaction with the
// offsets: after an error nothing of it was taken in, and the same records may
// be given again. After ErrRebuilt, go on from Offsets. A batch is best some
// thousand records long.
func (d *DB) Fold(ctx context.Context, records []Record) (Folded, error) {
	d.folding.Lock()
	defer d.folding.Unlock()
	if d.damaged.Load() {
		return Folded{}, d.rebuild(ctx, errors.New("a question met damage"))
	}
	d.using.RLock()
	folded, err := d.fold(ctx, records)
	d.using.RUnlock()
	if isDamage(err) {
		return Folded{}, d.rebuild(ctx, err)
	}
	d.tell(err)
	return folded, err
}

// tell keeps in words why nothing is written.
func (d *DB) tell(err error) {
	var words string
	switch {
	case err == nil:
		d.trouble.Store(nil)
		return
	case isFull(err):
		words = fmt.Sprintf("there is no room for the history file %s: free some on its disk, and it goes on", d.o.Path)
	default:
		words = fmt.Sprintf("the history file %s cannot be written: %v", d.o.Path, err)
	}
	d.trouble.Store(&words)
}

func (d *DB) fold(ctx context.Context, records []Record) (Folded, error) {
	if d.file == nil {
		return Folded{}, ErrClosed
	}
	w := d.file.w
	b := &batch{d: d, w: w, offsets: map[place]int64{}, jobs: map[string]*jobBatch{}, output: map[run.ID][]logged[run.Output]{}, counts: newCounts()}
	for i := range records {
		b.take(&records[i])
	}
	if len(b.offsets) == 0 {
		return Folded{}, nil
	}
	if err := w.within(ctx, b.write); err != nil {
		return Folded{}, fmt.Errorf("folding %d records into history: %w", len(records), err)
	}
	maps.Copy(w.offsets, b.offsets)
	d.living.observe(b.beats)
	b.folded.Unreadable = len(b.unreadable)
	return b.folded, nil
}

// logged is what a record holds, and where it stands.
type logged[T any] struct {
	value T
	at    *Record
}

// batch is what one call of Fold brings.
type batch struct {
	d *DB
	w *writer

	offsets map[place]int64 // the next of each
	jobs    map[string]*jobBatch
	order   []*jobBatch // in the order in which they were met

	defined    []logged[topic.Job] // a removal has no name
	states     []logged[stateRecord]
	shards     map[int32]logged[topic.ShardRecord] // the last of each
	requests   []logged[run.Request]
	letters    []logged[run.DeadLetter]
	entries    []logged[Entry]
	beats      []logged[member.Beat]
	output     map[run.ID][]logged[run.Output]
	outputs    []run.ID // in the order in which they were met
	unreadable []logged[error]

	counts *counts
	folded Folded
}

// take takes a record in, if it was not folded before.
func (b *batch) take(r *Record) {
	p := place{r.Topic, r.Partition}
	next, met := b.offsets[p]
	if !met {
		next = b.w.offsets[p]
	}
	if r.Offset < next {
		return
	}
	b.offsets[p] = r.Offset + 1
	if r.Marker {
		return
	}
	b.folded.Records++
	if err := b.decode(r); err != nil {
		b.unreadable = append(b.unreadable, logged[error]{err, r})
	}
}

// decode reads a record of a topic that history knows.
func (b *batch) decode(r *Record) error {
	kind, known := strings.CutPrefix(r.Topic, b.d.o.Names.Prefix)
	if !known {
		return nil
	}
	kind, _, _ = strings.Cut(kind, ".")
	switch kind {
	case "events":
		return b.event(r)
	case "jobs":
		return b.job(r)
	case "output":
		return b.chunk(r)
	case "dead":
		return b.letter(r)
	case "state":
		return b.state(r)
	case "commands":
		return b.request(r)
	case "members":
		return b.beat(r)
	case "audit", "notices":
		return b.entry(r)
	}
	return nil
}

// placed checks that a record about a job is where those of the job belong.
func (b *batch) placed(r *Record, job string) error {
	if b.d.o.Shards <= 0 {
		if string(r.Key) != job {
			return fmt.Errorf("the record's key is %.60q, but it belongs under its job's name, %.60q", r.Key, job)
		}
		return nil
	}
	return topic.CheckJobPlace(topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, r.Key, job, b.d.o.Shards)
}

// write does it all, inside a transaction.
func (b *batch) write(ctx context.Context) error {
	for _, step := range []func(context.Context) error{
		b.writeDefinitions, b.writeStates, b.writeEvents, b.writeOutput, b.writeLetters, b.writeRequests, b.writeEntries,
		b.writeBeats, b.w.writeStands, b.writeCounts, b.writeUnreadable, b.writeOffsets,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) writeOffsets(ctx context.Context) error {
	for p, next := range b.offsets {
		if err := b.w.exec(ctx, "REPLACE INTO offsets (topic, partition, next) VALUES (?, ?, ?)", p.topic, p.partition, next); err != nil {
			return fmt.Errorf("writing the offsets: %w", err)
		}
	}
	return nil
}

// maxUnreadable is how many unreadable records are kept to be shown.
const maxUnreadable = 100

func (b *batch) writeUnreadable(ctx context.Context) error {
	if len(b.unreadable) == 0 {
		return nil
	}
	for _, u := range b.unreadable[max(0, len(b.unreadable)-maxUnreadable):] {
		if err := b.w.exec(ctx, "REPLACE INTO unreadable (topic, partition, offset, at, why) VALUES (?, ?, ?, ?, ?)",
			u.at.Topic, u.at.Partition, u.at.Offset, micros(u.at.At), cut(u.value.Error(), 1000)); err != nil {
			return fmt.Errorf("noting an unreadable record: %w", err)
		}
	}
	if err := b.w.exec(ctx, `DELETE FROM unreadable WHERE (topic, partition, offset) NOT IN
		(SELECT topic, partition, offset FROM unreadable ORDER BY at DESC, topic DESC, partition DESC, offset DESC LIMIT ?)`, maxUnreadable); err != nil {
		return fmt.Errorf("noting an unreadable record: %w", err)
	}
	return b.w.exec(ctx, "INSERT INTO sums (name, n) VALUES ('unreadable', ?) ON CONFLICT DO UPDATE SET n = n + excluded.n", len(b.unreadable))
}

// cut shortens text for people, to whole characters.
func cut(s string, most int) string {
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "�")
}

// Offsets returns the offset to go on from, for each partition of each topic
// that anything was folded of.
func (d *DB) Offsets(ctx context.Context) (map[string]map[int32]int64, error) {
	all := map[string]map[int32]int64{}
	err := d.ask(ctx, func(q *asking) error {
		return q.each("SELECT topic, partition, next FROM offsets", nil, func(scan func(...any) error) error {
			var name string
			var partition int32
			var next int64
			if err := scan(&name, &partition, &next); err != nil {
				return err
			}
			if all[name] == nil {
				all[name] = map[int32]int64{}
			}
			all[name][partition] = next
			return nil
		})
	})
	return all, err
}

// Unreadable returns the records that could not be read.
func (d *DB) Unreadable(ctx context.Context) (UnreadablePage, error) {
	page := UnreadablePage{Latest: []Unreadable{}}
	err := d.ask(ctx, func(q *asking) error {
		if _, err := q.first("SELECT n FROM sums WHERE name = 'unreadable'", nil, &page.Count); err != nil {
			return err
		}
		return q.each("SELECT topic, partition, offset, at, why FROM unreadable ORDER BY at DESC, topic DESC, partition DESC, offset DESC", nil,
			func(scan func(...any) error) error {
				var u Unreadable
				var at int64
				if err := scan(&u.Topic, &u.Partition, &u.Offset, &at, &u.Why); err != nil {
					return err
				}
				u.At = instant(at)
				page.Latest = append(page.Latest, u)
				return nil
			})
	})
	return page, err
}
