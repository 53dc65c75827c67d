package history

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/schedule"
	"github.com/belfry-cron/belfry/internal/shard"
	"github.com/belfry-cron/belfry/internal/topic"
)

// maxDefinitions bounds what is kept of the definitions of one job.
const maxDefinitions = 200

// maxSearch bounds the text that a job is found by.
const maxSearch = 4 << 10

// job takes a definition in. One that cannot be read takes the job out of
// force all the same, as schedulers see it.
func (b *batch) job(r *Record) error {
	if r.Value == nil {
		if b.placed(r, string(r.Key)) == nil { // else it removes a copy in the wrong place
			b.defined = append(b.defined, logged[topic.Job]{at: r})
		}
		return nil
	}
	j, err := b.w.codec.DecodeJob(r.Value)
	if err == nil {
		err = b.placed(r, j.Job.Name)
	}
	if err != nil {
		if b.placed(r, string(r.Key)) == nil {
			b.defined = append(b.defined, logged[topic.Job]{at: r})
		}
		return err
	}
	b.defined = append(b.defined, logged[topic.Job]{j, r})
	return nil
}

func (b *batch) writeDefinitions(ctx context.Context) error {
	for i := range b.defined {
		if err := b.define(ctx, &b.defined[i]); err != nil {
			return fmt.Errorf("folding a definition of job %s: %w", b.defined[i].at.Key, err)
		}
	}
	return nil
}

func (b *batch) define(ctx context.Context, d *logged[topic.Job]) error {
	name, w := string(d.at.Key), b.w
	id, err := w.jobID(ctx, name)
	if err != nil {
		return err
	}
	var digest, version any
	j := &d.value.Job
	applied := d.at.At
	if j.Name != "" {
		if !d.value.AppliedAt.IsZero() {
			applied = d.value.AppliedAt
		}
		body, err := topic.EncodeJob(topic.Job{Job: *j})
		if err != nil {
			return err
		}
		digest, version = j.Digest(), j.Version()
		if err := w.exec(ctx, "INSERT OR IGNORE INTO contents (digest, body) VALUES (?, ?)", digest, body); err != nil {
			return err
		}
	}
	if err := w.exec(ctx, "REPLACE INTO definitions (job, offset, applied, by, digest, version) VALUES (?, ?, ?, ?, ?, ?)",
		id, d.at.Offset, micros(applied), d.value.AppliedBy, digest, version); err != nil {
		return err
	}
	if err := w.exec(ctx, `DELETE FROM definitions WHERE job = ? AND offset <=
		(SELECT offset FROM definitions WHERE job = ? ORDER BY offset DESC LIMIT 1 OFFSET ?)`, id, id, maxDefinitions); err != nil {
		return err
	}
	if err := w.exec(ctx, "UPDATE jobs SET digest = ?, cluster = ?, search = ?, applied = ?, paused = (paused & 2) | ? WHERE id = ?",
		digest, j.Cluster, searched(j), micros(applied), j.Paused, id); err != nil {
		return err
	}
	if err := w.label(ctx, id, j); err != nil {
		return err
	}
	delete(w.plans, id)
	b.tell(Change{Kind: KindJob, Job: name, Cluster: j.Cluster}, d.at)
	_, err = w.stand(ctx, id)
	return err
}

func (w *writer) label(ctx context.Context, id int64, j *job.Job) error {
	if err := w.exec(ctx, "DELETE FROM labels WHERE job = ?", id); err != nil {
		return err
	}
	for name, value := range j.Labels {
		if err := w.exec(ctx, "INSERT INTO labels (name, value, job) VALUES (?, ?, ?)", name, value, id); err != nil {
			return err
		}
	}
	return nil
}

// searched is the text that a job is found by.
func searched(j *job.Job) string {
	if j.Name == "" {
		return ""
	}
	parts := append([]string{j.Name, j.Description}, j.Command...)
	return folded(cut(strings.Join(parts, "\n"), maxSearch))
}

// folded is text in which capitals do not count.
func folded(s string) string { return strings.ToLower(s) }

// planned is when a job is due.
type planned struct {
	times   *schedule.Schedule // nil: only when asked
	applied int64
	jitter  time.Duration
}

// overdue is when the due time behind the newest that was decided ought to be
// decided itself; 0 if there is none.
func (p *planned) overdue(newest int64) int64 {
	if p.times == nil {
		return 0
	}
	next, ok := p.times.Next(instant(max(newest, p.applied)))
	if !ok {
		return 0
	}
	return micros(next.Add(p.jitter))
}

// plan returns when a job is due.
func (w *writer) plan(ctx context.Context, id int64) (*planned, error) {
	if p := w.plans[id]; p != nil {
		return p, nil
	}
	p := &planned{}
	var body []byte
	known, err := w.first(ctx, "SELECT applied, body FROM jobs JOIN contents USING (digest) WHERE id = ?", []any{id}, &p.applied, &body)
	if err != nil {
		return nil, fmt.Errorf("reading a definition: %w", err)
	}
	if known {
		j, err := definitionOf(body)
		if err != nil {
			return nil, err
		}
		p.jitter = j.Jitter
		// A definition that is not valid names no due times.
		p.times, _ = w.times.Schedule(&j)
	}
	w.plans[id] = p
	return p, nil
}

// stateRecord is what is read of a job's state; nothing of one that was removed.
type stateRecord struct {
	paused bool
}

// state takes a record of the schedulers' state in.
func (b *batch) state(r *Record) error {
	name := string(r.Key)
	switch {
	case name == topic.ShardKey:
		s, err := topic.DecodeShard(r.Value)
		if err == nil {
			err = topic.CheckShardPlace(topic.Place{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset}, s)
		}
		if err != nil {
			return err
		}
		if b.shards == nil {
			b.shards = map[int32]logged[topic.ShardRecord]{}
		}
		b.shards[r.Partition] = logged[topic.ShardRecord]{s, r}
	case topic.IsJobKey(name):
		return b.jobState(r, name)
	}
	return nil
}

func (b *batch) jobState(r *Record, name string) error {
	err := b.placed(r, name)
	if len(r.Value) == 0 {
		if err == nil { // else it removes a copy in the wrong place
			b.states = append(b.states, logged[stateRecord]{at: r})
		}
		return nil
	}
	var s shard.JobState
	if err == nil {
		s, err = topic.DecodeState(r.Value)
	}
	if err == nil {
		b.states = append(b.states, logged[stateRecord]{stateRecord{paused: s.Paused}, r})
	}
	return err
}

func (b *batch) writeStates(ctx context.Context) error {
	for _, s := range b.states {
		id, err := b.w.jobID(ctx, string(s.at.Key))
		if err != nil {
			return err
		}
		asked := 0
		if s.value.paused {
			asked = 2
		}
		changed, err := b.w.change(ctx, "UPDATE jobs SET paused = (paused & 1) | ? WHERE id = ? AND (paused & 2) <> ?", asked, id, asked)
		if err != nil {
			return fmt.Errorf("noting a pause: %w", err)
		}
		if n, err := changed.RowsAffected(); err == nil && n > 0 {
			b.tell(Change{Kind: KindJob, Job: string(s.at.Key)}, s.at)
		}
	}
	for shard, s := range b.shards {
		if err := b.setAside(ctx, shard, &s); err != nil {
			return fmt.Errorf("noting the jobs set aside: %w", err)
		}
	}
	return nil
}

// setAside writes which jobs of a shard are set aside, if that changed.
func (b *batch) setAside(ctx context.Context, shard int32, s *logged[topic.ShardRecord]) error {
	list := fmt.Sprint(s.value.Aside)
	if known, ok := b.w.aside[shard]; ok && known == list {
		return nil
	}
	if err := b.w.exec(ctx, "UPDATE jobs SET aside = '', aside_by = NULL WHERE aside_by = ?", shard); err != nil {
		return err
	}
	for _, a := range s.value.Aside {
		id, err := b.w.jobID(ctx, a.Job)
		if err != nil {
			return err
		}
		if err := b.w.exec(ctx, "UPDATE jobs SET aside = ?, aside_by = ? WHERE id = ?", a.Reason, shard, id); err != nil {
			return err
		}
		b.tell(Change{Kind: KindJob, Job: a.Job}, s.at)
	}
	b.w.aside[shard] = list
	return nil
}

// definitionOf reads a definition as contents holds it.
func definitionOf(body []byte) (job.Job, error) {
	r, err := topic.DecodeJob(body)
	if err != nil {
		return job.Job{}, fmt.Errorf("reading a definition: %w", err)
	}
	return r.Job, nil
}
