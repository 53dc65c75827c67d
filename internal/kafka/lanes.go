package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// laneWait is how old a record may be when a lane whose last is acknowledged
// takes it: an older one says too little of now.
const laneWait = 500 * time.Millisecond

// Lanes writes signs of life to the first partitions of a topic, to each at its
// own pace and by a client of its own: a broker answers what comes on a connection
// in turn, and one that waits for a dead follower answers nothing else meanwhile.
// One record at a time is under way in a lane, and of those that come meanwhile
// only the latest waits, and not for long.
type Lanes struct {
	topic   string
	clients []*kgo.Client

	mu    sync.Mutex
	lanes []laneState
}

type laneState struct {
	busy  bool
	next  *sign
	since time.Time // when next came
}

// sign is a record for one lane and whom to tell how it ended.
type sign struct {
	key, value []byte
	done       func(lane int, err error)
}

// NewLanes returns Lanes for n partitions.
func NewLanes(o Options, topic string, n int) (*Lanes, error) {
	l := &Lanes{topic: topic, lanes: make([]laneState, n)}
	for range n {
		cl, err := o.Client()
		if err != nil {
			l.Close()
			return nil, err
		}
		l.clients = append(l.clients, cl)
	}
	return l, nil
}

// Close closes the clients.
func (l *Lanes) Close() {
	for _, cl := range l.clients {
		cl.Close()
	}
}

// Len returns how many lanes there are.
func (l *Lanes) Len() int { return len(l.lanes) }

// Send writes a record to each lane, and returns how many are busy with an
// earlier one: they take this one when that is acknowledged, or never. done is
// called for each lane that took it, once that is acknowledged or has failed.
func (l *Lanes) Send(ctx context.Context, key, value []byte, done func(lane int, err error)) (busy int) {
	s := &sign{key, value, done}
	for i := range l.lanes {
		if l.wait(i, s) {
			busy++
			continue
		}
		l.write(ctx, i, s)
	}
	return busy
}

// wait has s wait if the lane is busy, and makes it busy if not.
func (l *Lanes) wait(lane int, s *sign) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := &l.lanes[lane]
	if of.busy {
		of.next, of.since = s, time.Now()
		return true
	}
	of.busy = true
	return false
}

func (l *Lanes) write(ctx context.Context, lane int, s *sign) {
	r := &kgo.Record{Topic: l.topic, Partition: int32(lane), Key: s.key, Value: s.value}
	l.clients[lane].Produce(ctx, r, func(_ *kgo.Record, err error) {
		s.done(lane, err)
		if next := l.takeNext(lane); next != nil {
			l.write(ctx, lane, next)
		}
	})
}

// takeNext returns what waits for the lane, or frees it.
func (l *Lanes) takeNext(lane int) *sign {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := &l.lanes[lane]
	next := of.next
	of.next = nil
	if next == nil || time.Since(of.since) > laneWait {
		of.busy = false
		return nil
	}
	return next
}

// afterFirst is how long a last record waits for the other lanes once one has it.
const afterFirst = 300 * time.Millisecond

// SendLast writes a record to each lane, and returns when all have it, soon after
// one has it, or when ctx ends.
func (l *Lanes) SendLast(ctx context.Context, key, value []byte) {
	acknowledged := make(chan struct{}, len(l.lanes))
	l.Send(ctx, key, value, func(_ int, err error) {
		if err == nil {
			acknowledged <- struct{}{}
		}
	})
	var enough <-chan time.Time
	for range l.lanes {
		select {
		case <-acknowledged:
			enough = time.After(afterFirst)
		case <-enough:
			return
		case <-ctx.Done():
			return
		}
	}
}

// laneRead bounds the reading of one lane. An hour of beats takes seconds.
const laneRead = 20 * time.Second

// ReadLanes calls each for what is in the window of each of n lanes, lane by lane,
// and returns where those end that could be read: at least one.
func ReadLanes(ctx context.Context, cl *kgo.Client, o Options, topic string, n int, w Window, each func(*kgo.Record) error) (map[int32]int64, error) {
	from, err := Recent(ctx, cl, topic, w)
	if err != nil {
		return nil, err
	}
	next := map[int32]int64{}
	var failures []error
	for lane := range int32(n) {
		at, led := from[lane]
		if !led {
			continue
		}
		end, err := readLane(ctx, o, topic, map[int32]int64{lane: at}, each)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		next[lane] = end[lane]
	}
	if len(next) == 0 {
		return nil, fmt.Errorf("reading any of the %d lanes of %s: %w", n, topic, errors.Join(failures...))
	}
	return next, nil
}

func readLane(ctx context.Context, o Options, topic string, from map[int32]int64, each func(*kgo.Record) error) (map[int32]int64, error) {
	ctx, cancel := context.WithTimeout(ctx, laneRead)
	defer cancel()
	return ReadFrom(ctx, o, topic, from, ReadUncommitted, each)
}
