package job

import (
	"strconv"
	"strings"
	"time"
)

// parseDuration reads a duration as Go writes them, with whole or broken days
// before all else: "90s", "1h30m", "7d12h". It returns what is wrong and how
// to put it right, both empty for a good one.
func parseDuration(text string) (d time.Duration, message, hint string) {
	const form = `expected a duration such as "90s", "1h30m" or "7d"`
	days, rest, found := strings.Cut(text, "d")
	if !found {
		days, rest = "", text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil && text != "0" {
		return 0, form, "add the unit, as in " + text + "s"
	}
	if strings.ContainsAny(text, "+-") || strings.Trim(days, "0123456789.") != "" || found && days == "" {
		return 0, form, ""
	}
	if found {
		hours, err := time.ParseDuration(days + "h")
		if err != nil || hours > MaxDuration {
			return 0, form, "at most 366d"
		}
		d = 24 * hours
	}
	if rest != "" || !found {
		more, err := time.ParseDuration(rest)
		if err != nil {
			return 0, form, ""
		}
		d += min(more, 2*MaxDuration)
	}
	return d, "", ""
}

// formatDuration writes a duration the way parseDuration reads it, without
// units that are zero.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", day}, {"h", time.Hour}, {"m", time.Minute}} {
		if n := d / unit.size; n > 0 {
			b.WriteString(strconv.FormatInt(int64(n), 10) + unit.name)
			d %= unit.size
		}
	}
	if d != 0 {
		b.WriteString(d.String())
	}
	return b.String()
}
