package main

import (
	"bufio"
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// felt is where the late runs of a window lost their time.
type felt struct {
	Late int `json:"late"` // runs beyond the goal
	// From and Until are when the first and the last of them were to start,
	// Back when the last did, since the strike.
	From  seconds `json:"from"`
	Until seconds `json:"until"`
	Back  seconds `json:"back"`
	// Steps counts them by the step at which they lost it: where the broker led
	// the events of their shard, and where it did not.
	Led    map[string]int `json:"led,omitempty"`
	NotLed map[string]int `json:"not_led,omitempty"`
	// Said is what members wrote to their logs as warnings, and how often.
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

// feel asks which scheduled runs of the window were later than the limit, and
// why.
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

// saidIn collects the warnings and errors in the logs of all members. The
// error is cut to its first words, which name what it is about.
func (s *session) saidIn(w window) []said {
	line := regexp.MustCompile(`^time=(\S+) level=(?:WARN|ERROR) msg=("(?:[^"\\]|\\.)*"|\S+)(?:.* class=(\S+))?(?:.*error="?([^"]*))?`)
	found := map[[2]string]*said{}
	for _, name := range members() {
		f, err := os.Open(filepath.Join(s.dir, name+".log"))
		if err != nil {
			continue
		}
		for sc := bufio.NewScanner(f); sc.Scan(); {
			m := line.FindStringSubmatch(sc.Text())
			if m == nil {
				continue
			}
			at, err := time.Parse(time.RFC3339Nano, m[1])
			if err != nil || !w.holds(at) {
				continue
			}
			role, _, _ := strings.Cut(name, "-")
			what := strings.Trim(m[2], `"`)
			if m[4] != "" {
				what += ": " + general(m[4])
			}
			key := [2]string{role, what}
			if found[key] == nil {
				found[key] = &said{Role: role, What: what, First: secondsOf(at.Sub(w.from))}
			}
			found[key].Times++
			found[key].First = min(found[key].First, secondsOf(at.Sub(w.from)))
			found[key].Last = max(found[key].Last, secondsOf(at.Sub(w.from)))
		}
		_ = f.Close()
	}
	all := make([]said, 0, len(found))
	for _, key := range slices.SortedFunc(maps.Keys(found), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(found[b].Times, found[a].Times), slices.Compare(a[:], b[:]))
	}) {
		all = append(all, *found[key])
	}
	return all[:min(len(all), 30)]
}

// general drops what differs from one message to the next: numbers.
func general(text string) string {
	text = regexp.MustCompile(`[0-9][0-9.:]*`).ReplaceAllString(text, "N")
	return text[:min(len(text), 120)]
}
