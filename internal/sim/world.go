package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Config is a world. Seed decides whatever the rest leaves open.
type Config struct {
	Seed                           uint64
	Schedulers, Workers, Survivors int // Survivors: commands outlive their worker
	Shards                         int32
	Partitions, Jobs, Clusters     int
	Slots, RetrySlots              int
	Lead                           time.Duration
	// Start is when the world begins; for Span faults come and due times are
	// judged, for Settle everything may come to its end.
	Start        time.Time
	Span, Settle time.Duration
	// FaultEvery and ChangeEvery are the mean times between faults and
	// between changes by people; zero means none.
	FaultEvery, ChangeEvery time.Duration
	// CleanEvery is how often logs are compacted.
	CleanEvery time.Duration
	// Lanes is how many partitions members has.
	Lanes int
	// Clocks lets hosts' clocks differ and jump by up to this.
	Clocks time.Duration
	Mutant Mutant
	// Trace keeps what is needed to tell the story of what was violated,
	// Whole tells all of it.
	Trace, Whole bool
}

// world is everything there is.
type world struct {
	cfg    Config
	mutant Mutant
	now    time.Duration
	events queue
	rng    *rand.Rand

	parts      map[string]*partition
	order      []*partition
	brokers    [brokers]broker
	txns       map[string]*transactional
	groups     map[string]*group
	groupOrder []*group
	schedulers []*scheduler
	workers    []*worker
	serials    int

	// away, slow and lossy are until when Kafka is not there, its disks are
	// slow, and answers get lost.
	away, slow, lossy time.Duration
	freezeNext        time.Duration // how long the next node to start a run stands still

	people    *people
	lines     []check.Line
	faults    []check.Fault
	jobsLog   map[int32][]*check.Definition
	requests  map[int32][]*check.Request
	written   []*check.Definition
	asked     []*check.Request
	actedJobs map[int32]offsets
	entries   []traceLine
	steps     uint64
}

// Result is what a world came to.
type Result struct {
	Config Config
	Report check.Report
	Trace  string
	Steps  uint64
	Faults int // that were brought about
	// Hash sums up everything that happened: two runs of one seed have the
	// same.
	Hash uint64
}

// Run lives through a world and judges it.
func Run(cfg Config) (Result, error) {
	w := newWorld(cfg)
	w.begin()
	end := cfg.Span + cfg.Settle
	for len(w.events.heap) > 0 && w.events.heap[0].at <= end {
		e := w.events.pop()
		w.now = e.at
		w.steps++
		e.do()
	}
	w.now = end
	evidence := w.evidence()
	report, err := check.Judge(evidence)
	if err != nil {
		return Result{}, fmt.Errorf("seed %d: %w", cfg.Seed, err)
	}
	r := Result{Config: cfg, Report: report, Steps: w.steps, Faults: len(w.faults) - 1, Hash: hashOf(evidence, w.steps)}
	if cfg.Trace {
		r.Trace = w.story(report)
	}
	return r, nil
}

func hashOf(e check.Evidence, steps uint64) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d\n", steps)
	for _, l := range e.Lines {
		_, _ = fmt.Fprintf(h, "%v\n", l)
	}
	for i := range e.Events {
		ev := &e.Events[i]
		_, _ = fmt.Fprintf(h, "%s %s %d %d %s %s\n", ev.Type, ev.Run, ev.Attempt, ev.Fence, ev.At, ev.By)
	}
	return h.Sum64()
}

func newWorld(cfg Config) *world {
	w := &world{
		cfg: cfg, mutant: cfg.Mutant, rng: rand.New(rand.NewPCG(cfg.Seed, 0x62656c667279)),
		parts: map[string]*partition{}, txns: map[string]*transactional{}, groups: map[string]*group{},
		jobsLog: map[int32][]*check.Definition{}, requests: map[int32][]*check.Request{}, actedJobs: map[int32]offsets{},
	}
	w.mutant.w = w
	for _, cluster := range w.clusters() {
		for _, q := range []run.Queue{run.QueueRuns, run.QueueRetries} {
			g := &group{w: w, topic: string(q) + "." + cluster}
			g.at = w.coordinator(g.topic)
			w.groups[g.topic] = g
			w.groupOrder = append(w.groupOrder, g)
			g.resize(cfg.Partitions)
		}
	}
	skew := func() time.Duration {
		if cfg.Clocks == 0 {
			return w.upTo(20 * time.Millisecond)
		}
		return w.upTo(cfg.Clocks) - cfg.Clocks/2
	}
	for i := range cfg.Schedulers {
		s := &scheduler{node: &node{w: w, name: fmt.Sprintf("s%d", i+1), skew: skew()}}
		w.schedulers = append(w.schedulers, s)
	}
	for i := range cfg.Workers {
		k := &worker{
			node: &node{w: w, name: fmt.Sprintf("w%d", i+1), skew: skew()}, cluster: w.clusters()[i%cfg.Clusters],
			slots: cfg.Slots, retrySlots: cfg.RetrySlots,
		}
		w.workers = append(w.workers, k)
	}
	return w
}

// begin starts everybody and sets the faults and the people going.
func (w *world) begin() {
	w.people = newPeople(w)
	for _, s := range w.schedulers {
		w.after(w.upTo(2*time.Second), s.start)
	}
	for _, k := range w.workers {
		w.after(w.upTo(2*time.Second), k.start)
	}
	w.note("start", 0)
	if w.cfg.FaultEvery > 0 {
		w.after(5*time.Second+w.upTo(w.cfg.FaultEvery), w.nextFault)
	}
	w.after(w.cfg.CleanEvery, w.clean)
}

// clean is what brokers do to old records.
func (w *world) clean() {
	for _, p := range w.order {
		switch p.topic {
		case "state", "jobs":
			p.compact()
		case "members":
			p.drop(20_000)
		}
	}
	w.after(w.cfg.CleanEvery, w.clean)
}

func (w *world) clusters() []string { return []string{"cluster-a", "cluster-b"}[:w.cfg.Clusters] }

func (w *world) group(cluster string, q run.Queue) *group { return w.groups[string(q)+"."+cluster] }

// control is the partition that the workers of a cluster listen to.
func (w *world) control(cluster string) *partition {
	return w.partition("control", topic.ControlPartition(cluster, topic.ControlPartitions))
}

func (w *world) partition(name string, id int32) *partition {
	key := fmt.Sprintf("%s/%d", name, id)
	p := w.parts[key]
	if p == nil {
		p = &partition{w: w, topic: name, id: id, replicas: w.replicasOf(name, id)}
		w.parts[key] = p
		w.order = append(w.order, p)
	}
	return p
}

func (w *world) serial() int { w.serials++; return w.serials }

// real is the true time at an instant of the simulation.
func (w *world) real(at time.Duration) time.Time { return w.cfg.Start.Add(at) }

func (w *world) at(at time.Duration, do func())   { w.events.push(max(at, w.now), do) }
func (w *world) after(d time.Duration, do func()) { w.events.push(w.now+max(d, 0), do) }

// upTo draws a duration in [0, most).
func (w *world) upTo(most time.Duration) time.Duration {
	return time.Duration(w.rng.Int64N(int64(max(most, 1))))
}

func (w *world) coin() bool            { return w.rng.Uint64()&1 == 0 }
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// latency is one way through the network; now and then a packet is late.
func (w *world) latency() time.Duration {
	if w.chance(0.01) {
		return w.upTo(200 * time.Millisecond)
	}
	return 300*time.Microsecond + w.upTo(1500*time.Microsecond)
}

// replication is until all in-sync replicas have a record.
func (w *world) replication() time.Duration {
	if w.slow > w.now {
		return 50*time.Millisecond + w.upTo(1500*time.Millisecond)
	}
	return 200*time.Microsecond + w.upTo(2*time.Millisecond)
}

// markerDelay is until a partition is told how a transaction ended.
func (w *world) markerDelay() time.Duration {
	switch {
	case w.slow > w.now || w.lossy > w.now && w.chance(0.2):
		return w.upTo(2 * time.Second)
	case w.chance(0.05):
		return w.upTo(300 * time.Millisecond)
	}
	return 500*time.Microsecond + w.upTo(20*time.Millisecond)
}

// loadTime bounds how long reading a topic takes.
func (w *world) loadTime() time.Duration {
	if w.chance(0.05) {
		return 4 * time.Second
	}
	return 40 * time.Millisecond
}

// loses reports whether what is sent now goes astray, or its answer.
func (w *world) loses(*node) bool { return w.lossy > w.now && w.chance(0.25) }

// produce writes one record outside transactions. An error says nothing about
// whether it was written.
func (w *world) produce(n *node, p *partition, r record, done func(error)) {
	lost := w.loses(n)
	if lost {
		n.after(produceWait, func() { done(errUnknown) })
		if w.coin() {
			return
		}
	}
	n.send(p, func(answer func(func())) {
		p.append(nil, false, func() {
			if !lost {
				answer(func() { done(nil) })
			}
		}, r)
	})
}

// acted notes that a shard has acted on what it read.
func (w *world) acted(shard int32, done offsets) {
	now, was := w.real(w.now), w.actedJobs[shard]
	for i := was.jobs; i < min(done.jobs, int64(len(w.jobsLog[shard]))); i++ {
		w.jobsLog[shard][i].Acted = now
	}
	for i := was.commands; i < min(done.commands, int64(len(w.requests[shard]))); i++ {
		w.requests[shard][i].Acted = now
	}
	w.actedJobs[shard] = offsets{jobs: max(was.jobs, done.jobs), commands: max(was.commands, done.commands)}
}

// evidence gathers what the judge is to see.
func (w *world) evidence() check.Evidence {
	e := check.Evidence{
		From: w.cfg.Start, Until: w.real(w.cfg.Span), Collected: w.real(w.now), Lines: w.lines, Faults: w.faults,
		Limits: check.Limits{
			MinStarts: 1, Skew: 250*time.Millisecond + 2*w.people.widest, Late: 8 * time.Second, Kill: 100 * time.Millisecond,
		},
	}
	if w.cfg.Lead >= 4*time.Second {
		e.Limits.Recall = 2500 * time.Millisecond
	}
	for _, d := range w.written {
		if d.Acted.IsZero() {
			d.Acted = e.Collected
		}
		e.Jobs = append(e.Jobs, *d)
	}
	for _, r := range w.asked {
		if r.Acted.IsZero() {
			r.Acted = e.Collected
		}
		e.Requests = append(e.Requests, *r)
	}
	for _, p := range w.order {
		var log []run.Logged
		p.between(0, p.high, true, func(r *record) {
			switch v := r.value.(type) {
			case run.Event:
				log = append(log, run.Logged{Event: v, Offset: r.offset})
			case run.Run:
				e.Runs = append(e.Runs, v)
			case run.DeadLetter:
				e.Dead = append(e.Dead, v)
			case run.Notice:
				e.Notices = append(e.Notices, v)
			}
		})
		e.Events = append(e.Events, run.Taken(log)...)
	}
	slices.SortStableFunc(e.Lines, func(a, b check.Line) int { return a.At.Compare(b.At) })
	return e
}

// behaviour is what a run's command does: how long it takes, and how it ends.
func (w *world) behaviour(r *run.Run) (time.Duration, int) {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%d/%s/%d", w.cfg.Seed, r.ID, r.Attempt)
	dice := rand.New(rand.NewPCG(h.Sum64(), 1))
	length := 50*time.Millisecond + time.Duration(dice.Int64N(int64(time.Second)))
	if most := w.people.lengths[r.Job]; most > time.Second {
		length = most/4 + time.Duration(dice.Int64N(int64(most)))
	}
	exit := 0
	if dice.Float64() < 0.2 {
		exit = 1 + dice.IntN(3)
	}
	return length, exit
}
