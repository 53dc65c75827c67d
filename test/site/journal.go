package site

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/sim/check"
)

// Note is a shell function that writes one line into $JOURNAL: `note start`,
// `note end EXIT`. It starts no process, since hundreds of commands each
// second do so: the time is that since the host's start, to 10 ms.
const Note = `note() { read -r up rest </proc/uptime; ` +
	`echo "$1 $BELFRY_JOB $BELFRY_RUN_ID $BELFRY_ATTEMPT $BELFRY_FENCE $PPID $up ${2:-0}" >>"$JOURNAL"; }; `

// booted is when the host started, by its wall clock: a reading right after
// /proc/uptime moved on.
func booted() (time.Time, error) {
	first, err := uptime()
	if err != nil {
		return time.Time{}, err
	}
	for end := time.Now().Add(time.Second); time.Now().Before(end); {
		up, err := uptime()
		if err != nil {
			return time.Time{}, err
		}
		if up != first {
			return time.Now().Add(-up).Round(0), nil
		}
	}
	return time.Time{}, errors.New("/proc/uptime stands still")
}

func uptime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return 0, fmt.Errorf("commands cannot tell the time without it: %w", err)
	}
	up, _, _ := strings.Cut(string(text), " ")
	return sinceBoot(up)
}

func sinceBoot(text string) (time.Duration, error) {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, fmt.Errorf("reading /proc/uptime: %w", err)
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// Journal reads what commands wrote with Note. names gives the worker of each
// process ID. Commands that began as their worker died name none.
func Journal(path string, names map[int]string) ([]check.Line, error) {
	boot, err := booted()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var lines []check.Line
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		l, err := parse(sc.Text(), boot, names)
		if err != nil {
			return nil, fmt.Errorf("journal %s, line %d: %w: %q", path, len(lines)+1, err, sc.Text())
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func parse(text string, boot time.Time, names map[int]string) (check.Line, error) {
	f := strings.Fields(text)
	if len(f) != 8 {
		return check.Line{}, fmt.Errorf("%d fields instead of 8", len(f))
	}
	attempt, err1 := strconv.Atoi(f[3])
	fence, err2 := strconv.ParseInt(f[4], 10, 64)
	parent, err3 := strconv.Atoi(f[5])
	up, err4 := sinceBoot(f[6])
	exit, err5 := strconv.Atoi(f[7])
	host := names[parent]
	if host == "" {
		host = "pid " + f[5]
	}
	return check.Line{
		Word: f[0], Job: f[1], Run: run.ID(f[2]), Attempt: attempt, Fence: fence, Host: host,
		At: boot.Add(up).UTC(), Exit: exit,
	}, errors.Join(err1, err2, err3, err4, err5)
}
