package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// costJobs are due each second.
	costJobs = 20
	costSpan = 36 * time.Second
	// costWarm is how long Kafka, which may be cold, is at work before.
	costWarm = 90 * time.Second
	// steady is how far the runs handed out and those that ended may be apart
	// for the figures of a stretch to be those of a run.
	steady = 0.02

	// The cost that a run may have.
	recordsGoal = 7
	bytesGoal   = 1500
)

// cost counts what runs of /bin/true leave in the topics of `belfry up`.
func cost(ctx context.Context, o options) error {
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.leave()
	s, data, _, err := p.up(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	span := o.span(costSpan)
	return s.cost(ctx, func(context.Context) (map[string]int64, error) { return onDisk(data) },
		stretch{fmt.Sprintf("the first %s", span), span}, stretch{fmt.Sprintf("the next %s", span), span})
}

// costKafka does so with a scheduler and a worker on Kafka. Of its replicas,
// the largest counts.
func costKafka(ctx context.Context, o options) error {
	s, err := o.kafka.site(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	p, err := newPlace(ctx)
	if err != nil {
		return err
	}
	defer p.leave()
	p.reach(s)
	if _, err := p.Start("scheduler-1", "scheduler", "--clusters", "cluster-a", "--quiet"); err != nil {
		return err
	}
	if _, err := p.Start("worker-1", "worker", "--cluster", "cluster-a", "--quiet"); err != nil {
		return err
	}
	span := o.span(costSpan)
	return s.cost(ctx, s.inLogDirs, stretch{"", o.span(costWarm)}, stretch{span.String(), span})
}

// usage is what the topics hold at one moment.
type usage struct {
	ends  map[string]map[int32]int64 // offsets by topic and partition
	bytes map[string]int64           // by topic
}

func (s *site) usage(ctx context.Context, bytes func(context.Context) (map[string]int64, error)) (usage, error) {
	u := usage{ends: map[string]map[int32]int64{}}
	for _, t := range topic.Settings(s.names, []string{"cluster-a"}, s.shards, 1) {
		if t.Name == s.names.Members() {
			continue
		}
		ends, err := s.endsOf(ctx, t.Name)
		if err != nil {
			return u, err
		}
		u.ends[t.Name] = ends
	}
	var err error
	u.bytes, err = bytes(ctx)
	return u, err
}

// endsOf asks again where leaders have just been chosen.
func (s *site) endsOf(ctx context.Context, name string) (map[int32]int64, error) {
	for try := 1; ; try++ {
		ends, err := kafka.Ends(ctx, s.plain, name)
		if err == nil || try == siteTries {
			return ends, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return nil, err
		}
	}
}

// stretch is how long to look at what is added; without a name it is not told.
type stretch struct {
	name string
	span time.Duration
}

// cost prints what is added to each topic but members from the jobs' first due
// times on. In the first stretch their state begins empty, in a later one it
// holds all that it ever does. Neither the start nor the end of the processes
// is in it.
func (s *site) cost(ctx context.Context, bytes func(context.Context) (map[string]int64, error), stretches ...stretch) error {
	before, err := s.usage(ctx, bytes)
	if err != nil {
		return err
	}
	if err := s.apply(ctx, costJobs, everySecond); err != nil {
		return err
	}
	for _, st := range stretches {
		if err := pause(ctx, st.span); err != nil {
			return err
		}
		after, err := s.usage(ctx, bytes)
		if err != nil {
			return err
		}
		if st.name != "" {
			fmt.Printf("%s:\n", st.name)
			if err := s.showStretch(ctx, before, after); err != nil {
				return err
			}
		}
		before = after
	}
	return nil
}

func (s *site) showStretch(ctx context.Context, before, after usage) error {
	var rows []costRow
	events := map[run.EventType]int{}
	for name := range after.ends {
		row, err := s.costOf(ctx, name, before, after, events)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	ended := events[run.EventFinished]
	if ended == 0 {
		return errors.New("no run ended")
	}
	handed := events[run.EventEnqueued]
	steadily := math.Abs(float64(handed)/float64(ended)-1) <= steady
	showCost(rows, ended, steadily)
	fmt.Print("events for each run:")
	for _, t := range slices.Sorted(maps.Keys(events)) {
		fmt.Printf(" %s %.2f", t, float64(events[t])/float64(ended))
	}
	fmt.Println()
	if !steadily {
		fmt.Printf("not steady: %d runs were handed out, %d ended\n", handed, ended)
	}
	return nil
}

// costRow is what one topic took.
type costRow struct {
	topic            string
	records, markers int64
	bytes            int64
}

func (r costRow) offsets() int64 { return r.records + r.markers }

// costOf reads what was added to a topic: offsets that hold no record are
// those of transactions' markers.
func (s *site) costOf(ctx context.Context, name string, before, after usage, events map[run.EventType]int) (costRow, error) {
	row := costRow{topic: strings.TrimPrefix(name, s.names.Prefix), bytes: after.bytes[name] - before.bytes[name]}
	for p, end := range after.ends[name] {
		row.markers += end - before.ends[name][p]
	}
	_, err := kafka.ReadFrom(ctx, s.kafka, name, before.ends[name], kafka.ReadUncommitted, func(r *kgo.Record) error {
		if r.Offset >= after.ends[name][r.Partition] {
			return nil
		}
		row.records, row.markers = row.records+1, row.markers-1
		if name != s.names.Events() {
			return nil
		}
		ev, err := topic.DecodeEvent(r.Value)
		events[ev.Type]++
		return err
	})
	return row, err
}

// showCost judges only what is the cost of whole runs.
func showCost(rows []costRow, ended int, steadily bool) {
	slices.SortFunc(rows, func(a, b costRow) int { return cmp.Compare(a.topic, b.topic) })
	all := costRow{topic: "all but members"}
	fmt.Printf("%-18s %8s %8s %10s %12s %10s %10s\n", "topic", "records", "markers", "bytes", "offsets/run", "bytes/run", "goals")
	show := func(r costRow, goals string) {
		fmt.Printf("%-18s %8d %8d %10d %12.2f %10.0f %10s\n", r.topic, r.records, r.markers, r.bytes,
			float64(r.offsets())/float64(ended), float64(r.bytes)/float64(ended), goals)
	}
	for _, r := range rows {
		all.records, all.markers, all.bytes = all.records+r.records, all.markers+r.markers, all.bytes+r.bytes
		if r.offsets() > 0 {
			show(r, "")
		}
	}
	offsets, bytes := float64(all.offsets())/float64(ended), float64(all.bytes)/float64(ended)
	goals := "unsteady"
	if steadily {
		goals = met(offsets <= recordsGoal && bytes <= bytesGoal)
	}
	show(all, goals)
	fmt.Printf("figure: %d runs ended, %.1f records and %.2f kB each\n", ended, offsets, bytes/1000)
}

// onDisk is how many bytes each topic takes in a data folder, where a
// partition is a folder of its own.
func onDisk(data string) (map[string]int64, error) {
	bytes := map[string]int64{}
	err := filepath.WalkDir(filepath.Join(data, "kafka", "partitions"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		folder := filepath.Base(filepath.Dir(path))
		name, err := url.PathUnescape(folder[:max(0, strings.LastIndexByte(folder, '-'))])
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		bytes[name] += info.Size()
		return nil
	})
	return bytes, err
}

// inLogDirs is how many bytes each topic takes, as the brokers tell.
func (s *site) inLogDirs(ctx context.Context) (map[string]int64, error) {
	brokers, err := kadm.NewClient(s.plain).DescribeAllLogDirs(ctx, nil)
	if err != nil {
		return nil, err
	}
	type partition struct {
		topic  string
		number int32
	}
	largest := map[partition]int64{}
	brokers.Each(func(d kadm.DescribedLogDir) {
		d.Topics.Each(func(p kadm.DescribedLogDirPartition) {
			of := partition{p.Topic, p.Partition}
			largest[of] = max(largest[of], p.Size)
		})
	})
	bytes := map[string]int64{}
	for p, size := range largest {
		bytes[p.topic] += size
	}
	return bytes, nil
}
