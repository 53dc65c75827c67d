//go:build linux

package cron

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// arrival is a job of the crontab that has said, in real time, that it runs.
type arrival struct {
	line int
	at   time.Time
}

const (
	// early and late bound how far a job may be from the start of its minute,
	// on the daemon's clock. A run where one is further off proves nothing:
	// the host was too slow for it.
	early = 5 * time.Second
	late  = 20 * time.Second

	// caughtUp is the same for the minute after a gap, in which the daemon
	// takes its time to start what the gap held.
	caughtUp = 50 * time.Second
)

// TestFreeRunning lets the daemon wake by itself, under a clock that runs
// fast, to show that moving the clock by hand changes nothing. It goes slower
// where the host is loaded.
func TestFreeRunning(t *testing.T) {
	opened(t)
	results := make([]string, 2)
	t.Run("changes", func(t *testing.T) {
		for i, at := range []string{"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"} {
			t.Run(at, func(t *testing.T) {
				t.Parallel()
				instant, err := time.Parse(time.RFC3339, at)
				require.NoError(t, err)
				c := newChange(t, "Europe/Berlin", instant)
				c.short = true
				// Few fixed minutes in the gap: the daemon may wait ten
				// seconds after each.
				c.lines = []line{
					{"wildcard", "* * * * *"},
					{"fixed time", "30 2 * * *"},
					{"list", "5,45 2 * * *"},
					{"wildcard minute, step", "*/15 * * * *"},
					{"wildcard hour", "40 * * * *"},
					{"day of week", "15 2 * * 0"},
					{"fixed time, next hour", "0 3 * * *"},
				}
				results[i] = c.freely(t)
			})
		}
	})
	if !t.Failed() {
		publish(t, "free", results[0]+results[1])
	}
}

// freely compares a run at the highest speed that the host keeps up with.
func (c change) freely(t *testing.T) string {
	t.Helper()
	for _, speed := range []int{120, 60, 30} {
		started, problem := c.punctually(c.listen(t, newBox(t), speed), speed)
		if problem != "" {
			t.Logf("at %d times the speed of time the host was too slow, which proves nothing: %s", speed, problem)
			continue
		}
		belfry := c.due(t)
		r := result{c, started, belfry, c.differences(t, started, belfry)}
		t.Logf("%d starts at %d times the speed of time", total(started), speed)
		return r.section()
	}
	require.Fail(t, "the host is too loaded to run the daemon at any speed")
	return ""
}

// listen runs the daemon for the window of the change and hears its jobs.
func (c change) listen(t *testing.T, b box, speed int) []arrival {
	t.Helper()
	b.lay(t, c.lines, "")
	require.NoError(t, syscall.Mkfifo(b.path("fires"), 0o600))
	// Open for both, or reading would end with each job that has written.
	pipe, err := os.OpenFile(b.path("fires"), os.O_RDWR, 0)
	require.NoError(t, err)
	heard := make(chan arrival)
	go func() {
		defer close(heard)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			n, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
			if err != nil {
				n = -1
			}
			heard <- arrival{n, time.Now()}
		}
	}()
	from, to := c.window()
	clock := fmt.Sprintf("FAKETIME=@%s x%d", from.Add(20*time.Second).In(c.loc).Format(time.DateTime), speed)
	cmd := b.start(t, "TZ="+c.zone, clock)
	end := time.NewTimer((to.Sub(from) + 30*time.Second) / time.Duration(speed))
	defer end.Stop()
	var out []arrival
	for {
		select {
		case a := <-heard:
			require.GreaterOrEqual(t, a.line, 0)
			out = append(out, a)
		case <-end.C:
			require.NoError(t, cmd.Process.Kill())
			require.NoError(t, pipe.Close())
			for a := range heard {
				out = append(out, a)
			}
			return out
		}
	}
}

// punctually gives each arrival its minute, counted from the first, which the
// daemon starts one second into the first minute of the window; or it tells
// what was late.
func (c change) punctually(arrivals []arrival, speed int) (fires, string) {
	from, to := c.window()
	if len(arrivals) == 0 {
		return nil, "nothing was started"
	}
	out := fires{}
	zero := from.Add(time.Minute)
	for _, a := range arrivals {
		clock := zero.Add(a.at.Sub(arrivals[0].at) * time.Duration(speed))
		minute := clock.Add(early).Truncate(time.Minute)
		allowed := late
		if minute.Equal(c.at) && c.lines[a.line].expr != "* * * * *" {
			allowed = caughtUp
		}
		if clock.Sub(minute) > allowed {
			return nil, fmt.Sprintf("a job of the minute %s ran %s into it", minute.In(c.loc).Format("15:04"), clock.Sub(minute).Round(time.Second))
		}
		if !minute.After(to) {
			out[fire{a.line, minute.Unix()}]++
		}
	}
	return out, ""
}
