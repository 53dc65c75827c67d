package main

import (
	"strings"
	"time"

	"github.com/adhocore/gronx"
	"github.com/hashicorp/cronexpr"
	netresearch "github.com/netresearch/go-cron"
	"github.com/reugn/go-quartz/quartz"
	robfig "github.com/robfig/cron/v3"
)

// others are well-known Go libraries that name due times.
func others() []library {
	return []library{
		{"robfig/cron", "v3.0.1", func(expression string, zone *time.Location) (next, error) {
			s, err := robfig.ParseStandard("CRON_TZ=" + zone.String() + " " + expression)
			if err != nil {
				return nil, err
			}
			return s.Next, nil
		}},
		{"netresearch/go-cron", "v0.9.1", func(expression string, zone *time.Location) (next, error) {
			s, err := netresearch.ParseStandard("CRON_TZ=" + zone.String() + " " + expression)
			if err != nil {
				return nil, err
			}
			return s.Next, nil
		}},
		{"hashicorp/cronexpr", "v1.1.3", func(expression string, zone *time.Location) (next, error) {
			s, err := cronexpr.Parse(expression)
			if err != nil {
				return nil, err
			}
			return func(after time.Time) time.Time { return s.Next(after.In(zone)) }, nil
		}},
		// It has no parsed form: each question begins with the text.
		{"adhocore/gronx", "v1.20.4", func(expression string, zone *time.Location) (next, error) {
			ask := func(after time.Time) time.Time {
				due, err := gronx.NextTickAfter(expression, after.In(zone), false)
				if err != nil {
					return time.Time{}
				}
				return due
			}
			if _, err := gronx.NextTickAfter(expression, time.Unix(0, 0).In(zone), false); err != nil {
				return nil, err
			}
			return ask, nil
		}},
		{"reugn/go-quartz", "v0.15.2", func(expression string, zone *time.Location) (next, error) {
			s, err := quartz.NewCronTriggerWithLoc(quartzFields(expression), zone)
			if err != nil {
				return nil, err
			}
			return func(after time.Time) time.Time {
				due, err := s.NextFireTime(after.UnixNano())
				if err != nil {
					return time.Time{}
				}
				return time.Unix(0, due).In(zone)
			}, nil
		}},
	}
}

// quartzFields writes five fields as Quartz's six: it has seconds, and days
// of the week from Sunday = 1, and one day field must be a question mark.
func quartzFields(expression string) string {
	f := strings.Fields(expression)
	f[4] = strings.NewReplacer("1-5", "2-6", "5", "6").Replace(f[4])
	switch {
	case f[4] == "*":
		f[4] = "?"
	case f[2] == "*":
		f[2] = "?"
	}
	return "0 " + strings.Join(f, " ")
}
