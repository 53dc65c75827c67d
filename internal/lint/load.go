package lint

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// crowd is how many jobs of one cluster in one second are many.
	crowd = 20
	// perSchedule and perSet bound the due times that are counted.
	perSchedule = 1500
	perSet      = 300_000
	day         = 24 * time.Hour
)

// crowdOf is the jobs of a cluster that are due together because they have
// one schedule.
type crowdOf struct {
	first *subject
	jobs  int
}

// crowds are the jobs of a cluster by what their schedules mean.
type crowds map[*facts]*crowdOf

// join counts a job among those of its cluster that are due with it. Jobs with
// jitter spread themselves.
func (c *checker) join(s *subject) {
	if s.Paused || s.Jitter > 0 || s.ignores(c, SameSecond) {
		return
	}
	if c.crowds[s.Cluster] == nil {
		c.crowds[s.Cluster] = crowds{}
	}
	if c.crowds[s.Cluster][s.facts] == nil {
		c.crowds[s.Cluster][s.facts] = &crowdOf{first: s}
	}
	c.crowds[s.Cluster][s.facts].jobs++
}

// load finds the second of the coming day in which most jobs of a cluster are
// due.
func (c *checker) load() {
	left := perSet
	for _, name := range slices.Sorted(maps.Keys(c.crowds)) {
		c.cluster(c.crowds[name], &left)
	}
}

// cluster counts the due times of one cluster.
func (c *checker) cluster(crowds crowds, left *int) {
	total := 0
	for _, k := range crowds {
		total += k.jobs
	}
	if total < crowd {
		return
	}
	// In order of the files, so that the same is found each time.
	ordered := slices.SortedFunc(maps.Values(crowds), func(a, b *crowdOf) int {
		return cmp.Or(cmp.Compare(a.first.Source, b.first.Source), cmp.Compare(a.first.Name, b.first.Name))
	})
	jobs := map[int64]int{}
	var minutes [60]int
	for _, k := range ordered {
		at := c.now
		for range perSchedule {
			due, ok := k.first.schedule.Next(at)
			if !ok || due.Sub(c.now) > day || *left == 0 {
				break
			}
			*left--
			jobs[due.Unix()] += k.jobs
			minutes[due.Minute()] += k.jobs
			at = due
		}
	}
	worst, most := int64(0), 0
	for at, n := range jobs {
		if n > most || n == most && at < worst {
			worst, most = at, n
		}
	}
	if most < crowd {
		return
	}
	c.crowded(ordered, time.Unix(worst, 0), most, quietest(minutes))
}

// crowded blames the schedule that brings most jobs to the worst second.
func (c *checker) crowded(crowds []*crowdOf, worst time.Time, most int, quiet []string) {
	var biggest *crowdOf
	for _, k := range crowds {
		due, ok := k.first.schedule.Next(worst.Add(-time.Second))
		if ok && due.Equal(worst) && (biggest == nil || k.jobs > biggest.jobs) {
			biggest = k
		}
	}
	s := biggest.first
	c.found(s, SameSecond, "schedule", fmt.Sprintf("%d jobs of %s are due in the same second, at %s", most, s.Cluster, worst.In(s.zone).Format("2006-01-02 15:04:05 MST")),
		fmt.Sprintf("spread them: the minutes %s are the quietest; H picks one for each job, jitter spreads starts", strings.Join(quiet, ", ")))
}

// quietest are three minutes of the hour with the fewest due times, not close
// to each other.
func quietest(minutes [60]int) []string {
	const apart, wanted = 7, 3
	var order []int
	for m := range minutes {
		order = append(order, m)
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(minutes[a], minutes[b]) })
	var picked []int
	for _, m := range order {
		near := func(p int) bool { return (m-p+60)%60 < apart || (p-m+60)%60 < apart }
		if len(picked) < wanted && !slices.ContainsFunc(picked, near) {
			picked = append(picked, m)
		}
	}
	slices.Sort(picked)
	words := make([]string, len(picked))
	for i, m := range picked {
		words[i] = fmt.Sprint(m)
	}
	return words
}
