package schedule

import (
	"testing"
	"time"
	_ "time/tzdata"
)

func BenchmarkNext(b *testing.B) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			b.Fatal(err)
		}
		for _, expr := range []string{"* * * * *", "*/5 * * * *", "0 3 * * *", "30 2 * * 1-5", "0 0 ? 2 1#5", "0 2 29W 2 */5"} {
			s, err := Parse(expr, Options{Location: loc})
			if err != nil {
				b.Fatal(err)
			}
			for _, year := range []int{2018, 2026, 2073} {
				after := time.Date(year, 7, 1, 12, 34, 56, 0, loc)
				b.Run(zone+"/"+expr+"/"+after.Format("2006"), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						s.Next(after)
					}
				})
			}
		}
	}
}
