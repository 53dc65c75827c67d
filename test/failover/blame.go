package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// felt tells at which steps the late runs of a window lost their time.
type felt struct {
	Late int `json:"late"` // runs beyond the goal
	// The first of them was to start at From and the last at Until; the last to
	// start did so at Back. All are counted from the strike.
	From  seconds `json:"from"`
	Until seconds `json:"until"`
	Back  seconds `json:"back"`
	// Led and NotLed count them by step: those of shards whose events the broker
	// led, and the others.
	Led    map[string]int `json:"led,omitempty"`
	NotLed map[string]int `json:"not_led,omitempty"`
	// Said are the warnings and errors in the logs of members.
	Said []said `json:"said,omitempty"`
}

// said is one message of a kind of member.
type said struct {
	Role  string  `json:"role"`
	What  string  `json:"what"`
	Times int     `json:"times"`
	First seconds `json:"first"` // since the strike
	Last  seconds `json:"last"`
}

// feel finds the scheduled runs of the window that were later than the limit, and
// the steps that made them late.
func (h *history) feel(w window, k *strike, limit time.Duration) felt {
	f := felt{Led: map[string]int{}, NotLed: map[string]int{}}
	var first, last, back time.Time
	for _, t := range h.trips {
		if !w.holds(t.want) || !t.of(streamTick) || t.attempt != 1 || t.late() <= limit {
			continue
		}
		f.Late++
		if slices.Contains(k.Held.shards, t.shard) {
			f.Led[t.lost()]++
		} else {
			f.NotLed[t.lost()]++
		}
		if first.IsZero() || t.want.Before(first) {
			first = t.want
		}
		last, back = later(last, t.want), later(back, t.started)
	}
	if f.Late > 0 {
		f.From, f.Until, f.Back = secondsOf(first.Sub(k.At)), secondsOf(last.Sub(k.At)), secondsOf(back.Sub(k.At))
	}
	return f
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// saidIn collects the warnings and errors of members, the most frequent first.
func (s *session) saidIn(w window, k *strike) ([]said, error) {
	found := map[[2]string]*said{}
	for _, name := range members() {
		f, err := os.Open(filepath.Join(s.dir, name+".log"))
		if err != nil {
			return nil, err
		}
		role, _, _ := strings.Cut(name, "-")
		for sc := bufio.NewScanner(f); sc.Scan(); {
			m, ok := warningOf(sc.Bytes())
			if !ok || !w.holds(m.Time) {
				continue
			}
			key, at := [2]string{role, m.text()}, secondsOf(m.Time.Sub(k.At))
			if found[key] == nil {
				found[key] = &said{Role: role, What: m.text(), First: at}
			}
			found[key].Times++
			found[key].First, found[key].Last = min(found[key].First, at), max(found[key].Last, at)
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	all := make([]said, 0, len(found))
	for _, one := range found {
		all = append(all, *one)
	}
	slices.SortFunc(all, func(a, b said) int {
		return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Role, b.Role), cmp.Compare(a.What, b.What))
	})
	return all[:min(len(all), mostSaid)], nil
}

// mostSaid is how many different messages are shown of a window.
const mostSaid = 30

// warning is a line of a member's log. Belfry's own errors are in one field,
// the Kafka client's in another.
type warning struct {
	Time  time.Time `json:"time"`
	Level string    `json:"level"`
	Msg   string    `json:"msg"`
	Error string    `json:"error"`
	Err   string    `json:"err"`
	Queue string    `json:"queue"`
}

// warningOf reads a line of a log. Lines of lower levels, and text that a panic
// leaves behind, are no warnings.
func warningOf(line []byte) (warning, bool) {
	var m warning
	if err := json.Unmarshal(line, &m); err != nil {
		return m, false
	}
	return m, m.Level == "WARN" || m.Level == "ERROR"
}

// text leaves the numbers out, since they differ from message to message.
func (m warning) text() string {
	text := m.Msg
	for _, more := range []string{m.Queue, m.Error, m.Err} {
		if more != "" {
			text += ": " + more
		}
	}
	text = regexp.MustCompile(`[0-9][0-9.:]*`).ReplaceAllString(text, "N")
	return text[:min(len(text), 200)]
}
