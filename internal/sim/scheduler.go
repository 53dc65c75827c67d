package sim

import (
	"math"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/run"
)

// The rhythm of a scheduler's shell (package scheduler).
const (
	surveyEvery = time.Second
	commitEvery = 250 * time.Millisecond
	firstRetry  = 100 * time.Millisecond
	lastRetry   = 2 * time.Second
	leaseEvery  = time.Hour
)

// scheduler is one: beater, watcher, and a loop for each shard it owns.
type scheduler struct {
	*node
	incarnation int64
	view        member.View
	loops       map[int32]*loop
	members     *reader
	inFlight    bool
	seq         int64
	surveying   bool
	stopping    bool
}

func (s *scheduler) start() {
	s.life++
	s.alive, s.frozen = true, 0
	s.incarnation = s.w.real(s.w.now).UnixNano()
	s.view, s.loops = member.View{}, map[int32]*loop{}
	s.inFlight, s.surveying, s.stopping, s.seq = false, false, false, 0
	s.w.trace(s.name, "", "", "starts, life %d", s.life)
	members := s.w.partition("members", 0)
	// The beats so far are read before the first of its own.
	s.after(s.w.upTo(300*time.Millisecond), func() {
		members.between(0, members.high, false, s.observe)
		s.members = members.follow(&reader{n: s.node, next: members.high, deliver: func(recs []record, _ int64) {
			owners := false // only schedulers' beats can change who owns what
			for i := range recs {
				s.observe(&recs[i])
				owners = owners || recs[i].value.(member.Beat).Role == member.RoleScheduler
			}
			if owners {
				s.follow()
			}
		}})
		s.tick(member.SchedulerEvery, s.beat)
		s.tick(surveyEvery, s.survey)
	})
}

func (s *scheduler) observe(r *record) {
	for _, b := range s.w.mutant.beat(r.value.(member.Beat)) {
		s.view.Observe(0, b)
	}
}

// crash ends the process where it stands.
func (s *scheduler) crash() {
	s.alive = false
	s.close()
}

func (s *scheduler) close() {
	if s.members != nil {
		s.members.close()
	}
	for _, p := range s.owned() {
		s.loops[p].stop()
	}
}

// leave gives the shards up and says goodbye.
func (s *scheduler) leave() {
	s.stopping = true
	for _, p := range s.owned() {
		s.loops[p].stop()
		delete(s.loops, p)
	}
	b := s.self()
	b.Seq, b.Leaving = math.MaxInt64, true
	s.send(b, func() {})
	s.after(time.Second, s.crash)
}

func (s *scheduler) self() member.Beat {
	return member.Beat{
		ID: s.name, Role: member.RoleScheduler, Incarnation: s.incarnation, Seq: s.seq, At: s.wall(), Shards: s.owned(),
	}
}

func (s *scheduler) owned() []int32 {
	var all []int32
	for p := range s.loops {
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// beat sends one unless the last is still on its way.
func (s *scheduler) beat() bool {
	if s.stopping {
		return false
	}
	s.seq++
	if !s.inFlight {
		s.inFlight = true
		s.send(s.self(), func() { s.inFlight = false })
	}
	return true
}

func (s *scheduler) send(b member.Beat, done func()) {
	s.w.produce(s.node, s.w.partition("members", 0), record{key: b.ID, value: b}, func(error) { done() })
}

// follow takes over and gives up shards as the log of beats says.
func (s *scheduler) follow() {
	if s.stopping {
		return
	}
	owners := s.view.Owners(s.w.cfg.Shards)
	for _, p := range s.owned() {
		if owners[p] != s.name {
			s.w.trace(s.name, "", "", "gives up shard %d to %s", p, owners[p])
			s.loops[p].stop()
			delete(s.loops, p)
		}
	}
	for p := range s.w.cfg.Shards {
		if owners[p] == s.name && s.loops[p] == nil {
			s.loops[p] = &loop{s: s, shard: p, wait: firstRetry}
			s.loops[p].own()
		}
	}
}

// survey asks where the events end, now that the view says what it says.
func (s *scheduler) survey() bool {
	if s.stopping {
		return false
	}
	s.follow()
	if s.surveying {
		return true
	}
	s.surveying = true
	members, asked := s.view.Members(), s.w.now
	s.call(func(answer func(func())) {
		ends := map[int32]int64{}
		for p := range s.w.cfg.Shards {
			ends[p] = s.w.partition("events", p).high
		}
		answer(func() {
			s.surveying = false
			s.deliver(members, ends, asked)
		})
	})
	return true
}

func (s *scheduler) deliver(members []member.Member, ends map[int32]int64, asked time.Duration) {
	for _, p := range s.owned() {
		if t := s.loops[p].tenure; t != nil && t.pending == nil {
			t.pending = &surveyed{members, ends[p], asked}
			t.poke()
		}
	}
	if s.loops[0] != nil {
		s.tellFree(members)
	}
}

type surveyed struct {
	members []member.Member
	end     int64
	asked   time.Duration
}

func (s *scheduler) tellFree(members []member.Member) {
	for _, cluster := range s.w.clusters() {
		c := run.Control{Type: run.ControlFree, Cluster: cluster}
		for _, m := range members {
			if m.Role == member.RoleWorker && m.Status == member.StatusLive && m.Cluster == cluster {
				c.FreeSlots += m.Runs.Free
				c.FreeRetrySlots += m.Retries.Free
			}
		}
		s.w.produce(s.node, s.w.control(cluster), record{key: cluster, value: c}, func(error) {})
	}
}
