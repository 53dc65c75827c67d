package job

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkParse reads a file of 100,000 jobs, as `belfry validate` does.
func BenchmarkParse(b *testing.B) {
	const many = 100_000
	for _, form := range []struct {
		name, file string
		text       func(i int) string
	}{
		{"yaml", "jobs.yaml", func(i int) string {
			return fmt.Sprintf("  - name: team-%03d/job-%06d\n    schedule: \"%d %d * * *\"\n    command: /usr/local/bin/task --id %d\n    timezone: Europe/Berlin\n",
				i%200, i, i%60, i/60%24, i)
		}},
		{"flow", "jobs.yaml", func(i int) string {
			return fmt.Sprintf("  - {name: j%d, schedule: \"%d %d * * *\", command: echo %d}\n", i, i%60, i%24, i)
		}},
		{"crontab", "jobs.crontab", func(i int) string {
			return fmt.Sprintf("%d %d * * * /usr/local/bin/task --id %d\n", i%60, i/60%24, i)
		}},
	} {
		var text strings.Builder
		if form.file == "jobs.yaml" {
			text.WriteString("jobs:\n")
		}
		for i := range many {
			text.WriteString(form.text(i))
		}
		data := []byte(text.String())
		b.Run(form.name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				set, problems := Survey([]File{{Name: form.file, Data: data}})
				require.Empty(b, problems)
				require.Len(b, set.Jobs, many)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/job")
		})
	}
}
