package scheduler

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/member"
	"github.com/belfry-cron/belfry/internal/topic"
)

const (
	// surveyEvery is how often the shards learn what the beats say of workers.
	surveyEvery = time.Second
	// The window of beats that are read at start. Whoever has not beaten in
	// five minutes is gone by any count, and a shard gives up what somebody it
	// does not know holds. The least is for a clock ahead of all others: who
	// knows of no other scheduler would take every shard for a moment.
	beatsSince, beatsLeast, beatsMost = 5 * time.Minute, 10_000, 200_000
)

// watcher follows the members topic and keeps exactly the shards that are
// this scheduler's. Its goroutine alone touches the view.
type watcher struct {
	*scheduler
	view  member.View
	loops map[int32]*loop
	// owners is the owner of each shard, as believed last.
	owners []string
	// told is who was told since the last tick that its name is taken.
	told  map[string]bool
	ready bool
	// selfHeard says that the log holds a beat of this life.
	selfHeard bool
	// ticked is when the last survey was due.
	ticked time.Time
	// dropped is how many names the view had dropped by then.
	dropped int64
	// zones is what was said last of members with other time zone data.
	zones string
	skew  skew
}

func newWatcher(s *scheduler) *watcher {
	return &watcher{scheduler: s, loops: map[int32]*loop{}, told: map[string]bool{}}
}

// catchUp folds the recent part of the log of beats, and returns where it ends.
func (w *watcher) catchUp(ctx context.Context) (map[int32]int64, error) {
	from, err := kafka.Recent(ctx, w.plain, w.o.Names.Members(), kafka.Window{
		Since: time.Now().Add(-beatsSince), Least: beatsLeast, Most: beatsMost,
	})
	if err != nil {
		return nil, err
	}
	return kafka.ReadFrom(ctx, w.o.Kafka, w.o.Names.Members(), from, kafka.ReadUncommitted,
		func(r *kgo.Record) error {
			if b, ok := w.decode(r); ok {
				w.view.Observe(b)
			}
			return nil
		})
}

// hear folds a beat into the view, and reports whether it may change who owns
// what: only schedulers' beats do, and there are few of those.
func (w *watcher) hear(r *kgo.Record) bool {
	b, ok := w.decode(r)
	if !ok {
		return false
	}
	w.selfHeard = w.selfHeard || b.ID == w.o.Name && b.Incarnation == w.incarnation
	w.view.Hear(b, time.Since(w.born))
	w.skew.hear(&b, time.Now())
	w.tellReplaced(b)
	return b.Role == member.RoleScheduler
}

func (w *watcher) decode(r *kgo.Record) (member.Beat, bool) {
	if len(r.Value) == 0 {
		return member.Beat{}, false
	}
	b, err := topic.DecodeBeat(r.Value)
	if err == nil {
		err = topic.CheckBeatPlace(r.Key, &b)
	}
	if err != nil {
		w.metrics.unreadable.WithLabelValues(ofMembers).Inc()
		w.unreadableBeat(r, err)
		return member.Beat{}, false
	}
	return b, true
}

// believed returns the members as this scheduler may act on them now.
func (w *watcher) believed() []member.Member {
	return believe(w.view.Members(), time.Since(w.born))
}

func believe(members []member.Member, now time.Duration) []member.Member {
	for i, m := range members {
		members[i] = m.Believed(now)
	}
	return members
}

// watch folds beat after beat and follows what they say, until ctx ends or a
// newer process of the same name lives.
func (w *watcher) watch(ctx context.Context, next map[int32]int64) error {
	defer w.giveUpAll()
	cl, err := w.o.Kafka.Client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		w.o.Names.Members(): {0: kgo.NewOffset().At(next[0])},
	}))
	if err != nil {
		return err
	}
	defer cl.Close()
	surveys, stop := context.WithCancel(ctx)
	defer stop()
	requests, answers := make(chan survey), make(chan survey)
	go w.surveyor(surveys, requests, answers)
	fetched := make(chan kgo.Fetches)
	go poll(surveys, cl, fetched)
	tick := time.NewTicker(surveyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case fetches := <-fetched:
			owners := false
			fetches.EachRecord(func(r *kgo.Record) { owners = w.hear(r) || owners })
			if !fetches.Empty() {
				w.facts.heard.Note(time.Now())
			}
			if w.view.Replaced(w.o.Name, w.incarnation) {
				return ErrReplaced
			}
			if owners {
				w.follow(ctx)
			}
		case <-tick.C:
			w.checkClock(time.Now())
			clear(w.told)
			w.showView()
			w.tellZones()
			w.follow(ctx)
			members := w.believed()
			w.tellRooms(members)
			select {
			case requests <- survey{members: members}:
			default: // the last one is still being made
			}
		case sv := <-answers:
			w.deliver(sv)
		}
	}
}

func poll(ctx context.Context, cl *kgo.Client, into chan<- kgo.Fetches) {
	for ctx.Err() == nil {
		fetches := cl.PollFetches(ctx)
		select {
		case into <- fetches:
		case <-ctx.Done():
		}
	}
}

// follow takes over and gives up shards as the log of beats says.
func (w *watcher) follow(ctx context.Context) {
	owners := member.Owners(believe(w.view.Schedulers(), time.Since(w.born)), w.o.Shards)
	w.owners = owners
	for p, l := range w.loops {
		if owners[p] != w.o.Name {
			w.o.Log.Info("giving up a shard", "shard", p, "to", owners[p])
			delete(w.loops, p)
			// Not waited for: whoever owns the shard next fences it anyway.
			l.cancel()
		}
	}
	for p, owner := range owners {
		if p := int32(p); owner == w.o.Name && w.loops[p] == nil {
			w.loops[p] = w.start(ctx, p)
		}
	}
	w.tellOwned()
}

// tellOwned lists in the next beats the shards that are loaded.
func (w *watcher) tellOwned() {
	owned := []int32{}
	for p, l := range w.loops {
		if l.loaded.Load() {
			owned = append(owned, p)
		}
	}
	slices.Sort(owned)
	w.owned.Store(&owned)
	w.tellLoops(len(owned))
	w.metrics.shards.Set(float64(len(owned)))
	if !w.ready && len(w.loops) > 0 && len(owned) == len(w.loops) {
		w.ready = true
		if w.o.Ready != nil {
			w.o.Ready()
		}
	}
}

// showView shows how many members are known, and how their clocks differ.
func (w *watcher) showView() {
	w.metrics.members.Set(float64(w.view.Names()))
	w.metrics.skew.Set(w.skew.survey(w.o.Name).Seconds())
	w.metrics.membersDropped.Add(float64(w.view.Dropped() - w.dropped))
	w.dropped = w.view.Dropped()
}

// tellZones warns of members that live and read other time zone data: a job
// may be due at another time when they own its shard. It warns again when who
// they are changes.
func (w *watcher) tellZones() {
	others := member.OtherZones(w.view.Members(), w.o.Zones)
	if said := strings.Join(others, ", "); said != w.zones {
		w.zones = said
		if len(others) > 0 {
			w.o.Log.Warn("members read other time zone data", "ours", w.o.Zones, "theirs", said)
		}
	}
}

func (w *watcher) giveUpAll() {
	for _, l := range w.loops {
		l.cancel()
	}
	for _, l := range w.loops {
		<-l.done
	}
}

// clockJump is how far the wall clock may move against the monotonic one
// between two ticks before it is said to have jumped.
const clockJump = 2 * time.Second

// checkClock says when the wall clock was set. Due times follow it: those it
// jumps over are late or missed, those it goes back to are already decided.
func (w *watcher) checkClock(now time.Time) {
	last := w.ticked
	w.ticked = now
	if last.IsZero() {
		return
	}
	jump := now.Round(0).Sub(last.Round(0)) - now.Sub(last)
	if jump.Abs() > clockJump {
		w.metrics.clockJumps.Inc()
		w.o.Log.Warn("the clock of this host was set", "by", jump)
	}
}

// survey is what the beats said at one moment, and where the events of each
// shard ended right after it.
type survey struct {
	members []member.Member
	ends    map[int32]int64
	asked   time.Duration // since this scheduler was born
}

// surveyor finds where the events end after each request. A deposed leader's
// old end would have the shards act before they have read all there is.
func (w *watcher) surveyor(ctx context.Context, requests <-chan survey, answers chan<- survey) {
	for {
		var sv survey
		select {
		case <-ctx.Done():
			return
		case sv = <-requests:
		}
		sv.asked = time.Since(w.born)
		ends, err := kafka.Ends(ctx, w.plain, w.o.Names.Events())
		if err != nil {
			if ctx.Err() == nil {
				w.metrics.errors.WithLabelValues(whatSurvey, string(kafka.Classify(err))).Inc()
				w.o.Log.Warn("finding the end of the events", "error", err)
			}
			continue
		}
		sv.ends = ends
		select {
		case <-ctx.Done():
			return
		case answers <- sv:
		}
	}
}

// deliver hands a survey to the shards; one that has not taken the last yet
// gets the newer one instead. A shard whose end of the events nobody told gets
// none: it could not know when to believe it.
func (w *watcher) deliver(sv survey) {
	for p, l := range w.loops {
		end, ok := sv.ends[p]
		if !ok {
			w.metrics.errors.WithLabelValues(whatSurvey, classIncomplete).Inc()
			continue
		}
		select {
		case <-l.surveys:
		default:
		}
		select {
		case l.surveys <- surveyed{members: sv.members, end: end, asked: sv.asked}:
		default:
		}
	}
	if w.loops[0] != nil {
		w.tellFree(sv.members)
	}
}
