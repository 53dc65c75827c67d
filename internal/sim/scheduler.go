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
	born        time.Duration
	view        member.View
	loops       map[int32]*loop
	members     []*reader
	inFlight    []bool
	own         []time.Duration // when the latest own beat that was read in each lane was sent
	sent        map[int64]time.Duration
	seq         int64
	surveying   bool
	stopping    bool
}

func (s *scheduler) start() {
	s.life++
	s.alive, s.frozen = true, 0
	s.incarnation = s.w.real(s.w.now).UnixNano()
	s.view, s.loops = member.View{}, map[int32]*loop{}
	s.inFlight, s.own, s.sent = make([]bool, s.w.cfg.Lanes), make([]time.Duration, s.w.cfg.Lanes), map[int64]time.Duration{}
	s.surveying, s.stopping, s.seq = false, false, 0
	s.w.trace(s.name, "", "", "starts, life %d", s.life)
	// The beats so far are read before the first of its own.
	s.after(s.w.upTo(300*time.Millisecond), func() {
		s.born = s.w.now
		s.members = nil
		for i := range s.w.cfg.Lanes {
			lane := s.w.partition("members", int32(i))
			from := int64(0) // a lane that is away is read when it is back
			if s.reaches(lane) {
				lane.between(0, lane.high, false, func(r *record) { s.observe(lane, r, false) })
				from = lane.high
			}
			s.members = append(s.members, lane.follow(&reader{n: s.node, next: from, deliver: func(recs []record, _ int64) {
				s.hear(lane, recs)
			}}))
		}
		s.tick(member.SchedulerEvery, s.beat)
		s.tick(surveyEvery, s.survey)
	})
}

// hear takes beats that were written since.
func (s *scheduler) hear(lane *partition, recs []record) {
	owners := false // only schedulers' beats can change who owns what
	for i := range recs {
		s.observe(lane, &recs[i], true)
		owners = owners || recs[i].value.(member.Beat).Role == member.RoleScheduler
	}
	if owners {
		s.follow()
	}
}

func (s *scheduler) observe(lane *partition, r *record, heard bool) {
	b := r.value.(member.Beat)
	if heard && b.ID == s.name && b.Incarnation == s.incarnation {
		s.own[lane.id] = max(s.own[lane.id], s.sent[b.Seq])
	}
	for _, b := range s.w.mutant.beat(b) {
		if !heard {
			s.view.Observe(lane.id, b)
			continue
		}
		s.view.Hear(lane.id, b, s.mono())
	}
}

// mono counts from when reading began.
func (s *scheduler) mono() time.Duration { return s.w.now - s.born }

func (s *scheduler) reader() member.Reader {
	return s.w.mutant.reader(member.Reader{Now: s.mono(), Own: s.own})
}

func (s *scheduler) believed(members []member.Member) []member.Member {
	reader := s.reader()
	for i, m := range members {
		members[i] = m.Believed(reader)
	}
	return members
}

// crash ends the process where it stands.
func (s *scheduler) crash() {
	s.alive = false
	s.close()
}

func (s *scheduler) close() {
	for _, r := range s.members {
		r.close()
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
	s.send(b)
	s.after(time.Second, s.crash)
}

func (s *scheduler) self() member.Beat {
	return member.Beat{
		ID: s.name, Role: member.RoleScheduler, Incarnation: s.incarnation, Seq: s.seq, At: s.wall(), Shards: s.owned(),
		Lanes: s.w.cfg.Lanes,
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

// beat sends one to each lane that has taken the last.
func (s *scheduler) beat() bool {
	if s.stopping {
		return false
	}
	s.seq++
	s.sent[s.seq] = s.mono()
	s.send(s.self())
	return true
}

func (s *scheduler) send(b member.Beat) {
	for i := range s.inFlight {
		if s.inFlight[i] && !b.Leaving {
			continue
		}
		s.inFlight[i] = true
		s.w.produce(s.node, s.w.partition("members", int32(i)), record{key: b.ID, value: b}, func(error) { s.inFlight[i] = false })
	}
}

// follow takes over and gives up shards as the log of beats says.
func (s *scheduler) follow() {
	if s.stopping {
		return
	}
	owners := member.Owners(s.believed(s.view.Schedulers()), s.w.cfg.Shards)
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
	sv := surveyed{members: s.believed(s.view.Members()), deaf: len(s.reader().Deaf(s.w.cfg.Lanes)) > 0, asked: s.w.now}
	ends, left := map[int32]int64{}, s.w.cfg.Shards
	done := func() {
		if s.surveying {
			s.surveying = false
			s.deliver(sv, ends)
		}
	}
	for p := range s.w.cfg.Shards {
		events := s.w.partition("events", p)
		s.ask(events, func(answer func(func())) {
			end := events.high
			answer(func() {
				if sv.over {
					return
				}
				ends[p] = end
				if left--; left == 0 {
					sv.over = true
					done()
				}
			})
		})
	}
	s.after(surveyEvery-time.Millisecond, func() {
		if !sv.over {
			sv.over = true
			done()
		}
	})
	return true
}

func (s *scheduler) deliver(sv surveyed, ends map[int32]int64) {
	for _, p := range s.owned() {
		end, told := ends[p]
		if t := s.loops[p].tenure; t != nil && t.pending == nil && told {
			mine := sv
			mine.end = end
			t.pending = &mine
			t.poke()
		}
	}
	if s.loops[0] != nil {
		s.tellFree(sv.members)
	}
}

type surveyed struct {
	members []member.Member
	deaf    bool
	end     int64
	asked   time.Duration
	over    bool
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
