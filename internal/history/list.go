package history

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/belfry-cron/belfry/internal/ledger"
	"github.com/belfry-cron/belfry/internal/run"
)

const (
	// looked is how many rows one page is looked for in, and looked of each
	// state where states are asked for.
	looked = 20_000
	// lookedText is how many runs' output one page is looked for in.
	lookedText = 500
)

// Runs returns the runs that the filter names, newest due time first. A cursor
// that is none is a CursorError.
func (d *DB) Runs(ctx context.Context, f RunFilter) (RunPage, error) {
	page := RunPage{Runs: []RunRow{}}
	after, err := spotAfter(f.After)
	if err != nil {
		return page, err
	}
	err = d.ask(ctx, func(q *asking) error {
		l := &listing{details: detailsOf(q), f: &f, limit: limited(f.Limit), after: after}
		return l.page(&page)
	})
	return page, err
}

// spot is the place of a row in the order of lists.
type spot struct {
	due int64
	key key
	any bool // false: before all rows
}

func spotAfter(text string) (spot, error) {
	if text == "" {
		return spot{}, nil
	}
	s := spot{any: true}
	var uuid string
	if err := resume(text, &s.due, &s.key.text, &uuid); err != nil {
		return spot{}, err
	}
	if s.key.text == "" && copy(s.key.uuid[:], uuid) != len(s.key.uuid) {
		return spot{}, &CursorError{text}
	}
	return s, nil
}

func (s *spot) cursor() string {
	if s.key.text != "" {
		return cursor(s.due, s.key.text, "")
	}
	return cursor(s.due, "", string(s.key.uuid[:]))
}

// listing is a page of runs being made.
type listing struct {
	*details
	f     *RunFilter
	limit int
	after spot
}

// found is a row of a list.
type found struct {
	spot
	id, job int64
	name    string
	cluster string
	skips   sql.NullInt64
	body    []byte
}

// lane is one way into the runs: an index, and the conditions that it answers.
type lane struct {
	index string
	where conditions
}

// lanes are the ways that a filter is answered by, as few rows as possible.
func (l *listing) lanes() ([]lane, error) {
	if l.f.Job != "" {
		var id int64
		if _, err := l.first("SELECT id FROM jobs WHERE name = ?", []any{l.f.Job}, &id); err != nil {
			return nil, err
		}
		way := lane{index: "runs_job"}
		way.where.and("r.job = ?", id)
		if len(l.f.States) > 0 {
			l.anyState(&way.where)
		}
		return []lane{way}, nil
	}
	if len(l.f.States) == 0 || slices.Contains(l.f.States, run.StateSucceeded) {
		way := lane{index: "runs_due"}
		if len(l.f.States) > 0 {
			l.anyState(&way.where)
		}
		return []lane{way}, nil
	}
	var ways []lane
	for _, s := range slices.Compact(slices.Sorted(slices.Values(l.f.States))) {
		way := lane{index: "runs_state"}
		way.where.and("r.state = ? AND r.state <> 5", stateColumn(s))
		ways = append(ways, way)
	}
	return ways, nil
}

func (l *listing) anyState(where *conditions) {
	var args []any
	for _, s := range l.f.States {
		args = append(args, stateColumn(s))
	}
	where.and("r.state IN (?"+strings.Repeat(", ?", len(args)-1)+")", args...)
}

// page fills a page: it merges the ways, as far back as all of them were
// looked at.
func (l *listing) page(page *RunPage) error {
	ways, err := l.lanes()
	if err != nil {
		return err
	}
	var rows []found
	var end spot // the newest end of a way that goes on behind it
	for i := range ways {
		got, until, err := l.look(&ways[i])
		if err != nil {
			return err
		}
		rows = append(rows, got...)
		if until.any && (!end.any || until.compare(&end) > 0) {
			end = until
		}
	}
	slices.SortFunc(rows, func(a, b found) int { return b.compare(&a.spot) })
	var last spot
	for i := range rows {
		if end.any && rows[i].compare(&end) < 0 {
			break
		}
		if has, err := l.wrote(&rows[i]); err != nil || !has {
			if err != nil {
				return err
			}
			continue
		}
		if len(page.Runs) == l.limit {
			page.Next = last.cursor()
			return nil
		}
		row, err := l.row(&rows[i])
		if err != nil {
			return err
		}
		last = rows[i].spot
		page.Runs = append(page.Runs, row)
	}
	if end.any {
		page.Next, page.Until = end.cursor(), instant(end.due)
	}
	return nil
}

// compare is positive if s is newer.
func (s *spot) compare(other *spot) int {
	if s.due != other.due {
		return cmp.Compare(s.due, other.due)
	}
	return s.key.compare(other.key)
}

// look reads the next rows of a way, newest first, and where they end if the
// way may go on there.
func (l *listing) look(way *lane) ([]found, spot, error) {
	where := conditions{slices.Clone(way.where.parts), slices.Clone(way.where.args)}
	if l.after.any {
		where.and("(r.due, r.run) < (?, ?)", l.after.due, l.after.key.column())
	}
	if !l.f.To.IsZero() {
		where.and("r.due < ?", micros(l.f.To))
	}
	if !l.f.From.IsZero() {
		where.and("r.due >= ?", micros(l.f.From))
	}
	var end spot
	var k any
	from := " FROM runs r INDEXED BY " + way.index
	order := " ORDER BY r.due DESC, r.run DESC"
	cut, err := l.first("SELECT r.due, r.run"+from+" WHERE "+where.String()+order+" LIMIT 1 OFFSET ?",
		append(slices.Clone(where.args), looked-1), &end.due, &k)
	if err != nil {
		return nil, spot{}, err
	}
	if cut {
		end.key, end.any = keyFrom(k), true
		where.and("(r.due, r.run) >= (?, ?)", end.due, k)
	}
	l.f.more(&where)
	most := l.limit + 1
	if l.f.Text != "" {
		most = lookedText
	}
	var rows []found
	err = l.each("SELECT r.id, r.job, j.name, r.run, r.due, r.cluster, r.count, r.body"+from+" JOIN jobs j ON j.id = r.job WHERE "+
		where.String()+order+" LIMIT ?", append(where.args, most), func(scan func(...any) error) error {
		var r found
		var k any
		if err := scan(&r.id, &r.job, &r.name, &k, &r.due, &r.cluster, &r.skips, &r.body); err != nil {
			return err
		}
		r.key, r.any = keyFrom(k), true
		rows = append(rows, r)
		return nil
	})
	if len(rows) == most {
		end = rows[most-1].spot
	}
	return rows, end, err
}

// more adds what no index answers.
func (f *RunFilter) more(where *conditions) {
	if f.Cluster != "" {
		where.and("r.cluster = ?", f.Cluster)
	}
	if f.Worker != "" {
		where.and("r.worker = ?", f.Worker)
	}
	if f.Trigger != "" {
		where.and("r.trigger = ?", string(f.Trigger))
	}
	if f.ExitCode != nil {
		where.and("r.exit = ?", *f.ExitCode)
	}
	for name, value := range f.Labels {
		where.and("r.job IN (SELECT job FROM labels WHERE name = ? AND value = ?)", name, value)
	}
	if f.Text != "" {
		where.and("EXISTS (SELECT 1 FROM tails t WHERE t.run = r.run)")
	}
	if !f.WithSkips || f.Worker != "" || f.Trigger != "" || f.ExitCode != nil || f.Text != "" {
		where.and("r.count IS NULL")
	}
}

// row is a row as it is shown.
func (l *listing) row(f *found) (RunRow, error) {
	if f.skips.Valid {
		s := ledger.Skip{Job: f.name}
		if err := l.d.packer.unpackSkip(f.body, &s); err != nil {
			return RunRow{}, err
		}
		row := skipRow(&s)
		row.Cluster = f.cluster
		return row, nil
	}
	r := ledger.Run{ID: f.key.id(), Job: f.name, Cluster: f.cluster}
	if err := l.d.packer.unpack(f.body, &r); err != nil {
		return RunRow{}, fmt.Errorf("run %s: %w", r.ID, err)
	}
	row := rowOf(&r)
	def, err := l.ranBy(f.job, &r)
	row.Version = def.digest
	return row, err
}

// wrote reports whether what is kept of a run's output holds the text that is
// looked for, if one is.
func (l *listing) wrote(f *found) (bool, error) {
	if l.f.Text == "" {
		return true, nil
	}
	r := ledger.Run{ID: f.key.id()}
	if err := l.d.packer.unpack(f.body, &r); err != nil {
		return false, fmt.Errorf("run %s: %w", r.ID, err)
	}
	tail, err := l.tail(f.job, &r)
	if err != nil {
		return false, err
	}
	var text bytes.Buffer
	for i := range tail.Chunks {
		text.Write(tail.Chunks[i].Data)
	}
	return strings.Contains(folded(text.String()), folded(l.f.Text)), nil
}
