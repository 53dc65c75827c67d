package history

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
)

// Overview is how everything stands.
type Overview struct {
	Jobs    int `json:"jobs"` // in force
	Running int `json:"running"`
	Queued  int `json:"queued"`
	Failing int `json:"failing"` // jobs, as are Late, Paused and Aside
	Late    int `json:"late"`
	Paused  int `json:"paused"`
	Aside   int `json:"set_aside"`
	// Dead counts the dead letters of the last 24 hours that were neither requeued
	// nor discarded, up to 10,000.
	Dead       int   `json:"dead"`
	Unreadable int64 `json:"unreadable"`
	// Fires are the runs due in each minute of the last hour, oldest first; the
	// last one is the minute that holds now.
	Fires []Fires `json:"fires"`
	Slots []Slots `json:"slots"` // by cluster
}

// Fires is how many runs were due in a minute, and how many of them failed.
type Fires struct {
	At     time.Time `json:"at"`
	Runs   int       `json:"runs"`
	Failed int       `json:"failed"`
}

// Slots are those of a cluster's living workers.
type Slots struct {
	Cluster    string `json:"cluster"`
	Workers    int    `json:"workers"`
	Total      int    `json:"total"`
	Free       int    `json:"free"`
	RetryTotal int    `json:"retry_total"`
	RetryFree  int    `json:"retry_free"`
}

// Overview returns how everything stands at now.
func (d *DB) Overview(ctx context.Context, now time.Time) (Overview, error) {
	o := Overview{Slots: slotsOf(d.living.members(), now)}
	minute := now.Truncate(time.Minute).Add(-59 * time.Minute)
	for i := range 60 {
		o.Fires = append(o.Fires, Fires{At: minute.Add(time.Duration(i) * time.Minute).UTC()})
	}
	late := micros(now.Add(-LateAfter))
	err := d.ask(ctx, func(q *asking) error {
		if _, err := q.first(`SELECT count(*), coalesce(sum(s.running), 0), coalesce(sum(s.queued), 0), coalesce(sum(s.failures > 0), 0),
			coalesce(sum(`+isLate+`), 0), coalesce(sum(j.paused <> 0), 0), coalesce(sum(j.aside <> ''), 0)
			FROM jobs j JOIN stands s ON s.job = j.id WHERE j.digest IS NOT NULL`, []any{late, late},
			&o.Jobs, &o.Running, &o.Queued, &o.Failing, &o.Late, &o.Paused, &o.Aside); err != nil {
			return err
		}
		dead := DeadFilter{Since: now.Add(-24 * time.Hour), Waiting: true}
		where := dead.where()
		if _, err := q.first("SELECT count(*) FROM (SELECT 1 FROM dead d WHERE "+where.String()+" LIMIT ?)",
			append(where.args, counted), &o.Dead); err != nil {
			return err
		}
		if _, err := q.first("SELECT n FROM sums WHERE name = 'unreadable'", nil, &o.Unreadable); err != nil {
			return err
		}
		return q.minutes("", minute, minute.Add(time.Hour), time.Minute, func(i int64, t tally) {
			o.Fires[i].Runs = int(t[classSucceeded] + t[classFailed] + t[classOther])
			o.Fires[i].Failed = int(t[classFailed])
		})
	})
	return o, err
}

// slotsOf adds up what the living workers of each cluster say.
func slotsOf(members []member.Member, now time.Time) []Slots {
	all := map[string]*Slots{}
	for _, m := range members {
		if m.Role != member.RoleWorker || m.Status != member.StatusLive || now.Sub(m.At) > member.QuietAfter {
			continue
		}
		s := all[m.Cluster]
		if s == nil {
			s = &Slots{Cluster: m.Cluster}
			all[m.Cluster] = s
		}
		s.Workers++
		s.Total += m.Runs.Total
		s.Free += m.Runs.Free
		s.RetryTotal += m.Retries.Total
		s.RetryFree += m.Retries.Free
	}
	slots := make([]Slots, 0, len(all))
	for _, cluster := range slices.Sorted(maps.Keys(all)) {
		slots = append(slots, *all[cluster])
	}
	return slots
}
