package history

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

// spareTail is how much more than TailBytes may be kept of a run before the
// oldest of it is removed.
const spareTail = 64 << 10

// chunk takes a piece of output in.
func (b *batch) chunk(r *Record) error {
	o, err := topic.DecodeOutput(r.Value)
	if err == nil && o.Run == "" {
		err = errNoRun
	}
	if err != nil {
		return err
	}
	if b.output[o.Run] == nil {
		b.outputs = append(b.outputs, o.Run)
	}
	b.output[o.Run] = append(b.output[o.Run], logged[run.Output]{o, r})
	return nil
}

func (b *batch) writeOutput(ctx context.Context) error {
	for _, id := range b.outputs {
		if err := b.append(ctx, id, b.output[id]); err != nil {
			return fmt.Errorf("keeping the output of run %s: %w", id, err)
		}
	}
	return nil
}

// append adds to what is kept of a run's output. What is removed again has
// TailBytes or more behind it, whatever else comes: so it does not matter when.
func (b *batch) append(ctx context.Context, id run.ID, chunks []logged[run.Output]) error {
	var written, at int64
	for i := range chunks {
		o := &chunks[i]
		written += int64(len(o.value.Data)) + o.value.CutBytes
		at = max(at, micros(o.at.At))
		b.tell(Change{Kind: KindOutput, Run: id, Output: &o.value}, o.at)
	}
	var tail, kept int64
	if _, err := b.w.first(ctx, `INSERT INTO tails (run, bytes, kept, at) VALUES (?, ?, 0, ?)
		ON CONFLICT DO UPDATE SET bytes = bytes + excluded.bytes, at = max(at, excluded.at) RETURNING id, kept`,
		[]any{keyOf(id).column(), written, at}, &tail, &kept); err != nil {
		return err
	}
	for _, o := range last(chunks) {
		changed, err := b.w.change(ctx, `INSERT OR IGNORE INTO chunks (tail, fence, seq, attempt, at, stream, cut, last, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`, tail, o.Fence, o.Seq, o.Attempt, micros(o.At), o.Stream, o.CutBytes, o.Last, bytesOf(o.Data))
		if err != nil {
			return err
		}
		if n, err := changed.RowsAffected(); err == nil && n > 0 {
			kept += int64(len(o.Data))
		}
	}
	kept, err := b.trim(ctx, tail, kept)
	if err != nil {
		return err
	}
	return b.w.exec(ctx, "UPDATE tails SET kept = ? WHERE id = ?", kept, tail)
}

// last are the chunks that have less than TailBytes behind them.
func last(chunks []logged[run.Output]) []run.Output {
	all := make([]run.Output, 0, len(chunks))
	for i := range chunks {
		all = append(all, chunks[i].value)
	}
	slices.SortStableFunc(all, inOrder)
	behind := 0
	for i, o := range slices.Backward(all) {
		if behind >= TailBytes {
			return all[i+1:]
		}
		behind += len(o.Data)
	}
	return all
}

// inOrder is the order in which output was written: of later handings-out later.
func inOrder(a, b run.Output) int {
	return cmp.Or(cmp.Compare(a.Fence, b.Fence), cmp.Compare(a.Seq, b.Seq))
}

// trim removes the chunks that have TailBytes or more behind them, once that is
// worth it, and returns how many bytes are left.
func (b *batch) trim(ctx context.Context, tail, kept int64) (int64, error) {
	if kept <= TailBytes+spareTail {
		return kept, nil
	}
	var left, fence, seq int64
	found := false
	err := b.w.each(ctx, "SELECT fence, seq, length(data) FROM chunks WHERE tail = ? ORDER BY fence DESC, seq DESC", []any{tail},
		func(scan func(...any) error) error {
			var f, s, n int64
			if err := scan(&f, &s, &n); err != nil {
				return err
			}
			if left >= TailBytes && !found {
				fence, seq, found = f, s, true
			}
			if !found {
				left += n
			}
			return nil
		})
	if err != nil || !found {
		return kept, err
	}
	return left, b.w.exec(ctx, "DELETE FROM chunks WHERE tail = ? AND (fence, seq) <= (?, ?)", tail, fence, seq)
}

// bytesOf is data as an argument: nothing is not NULL.
func bytesOf(data []byte) []byte {
	if data == nil {
		return []byte{}
	}
	return data
}
