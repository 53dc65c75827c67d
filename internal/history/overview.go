package history

import (
	"context"
	"time"
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
	// Dead counts the dead letters of the last 24 hours, waiting ones only.
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
	Cluster string `json:"cluster"`
	Workers int    `json:"workers"`
	Total   int    `json:"total"`
	Free    int    `json:"free"`
	Retries int    `json:"retry_total"`
	FreeRe  int    `json:"retry_free"`
}

// Overview returns how everything stands at now.
func (d *DB) Overview(ctx context.Context, now time.Time) (Overview, error) {
	return Overview{}, errNotBuilt
}
