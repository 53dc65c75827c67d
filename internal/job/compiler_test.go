package job_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
)

// A compiler says of every job what the job says of itself, whatever came
// before it.
func TestCompilerAgreesWithJobs(t *testing.T) {
	c := job.NewCompiler()
	after := time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)
	for _, expr := range []string{"", "0 3 * * *", "H H * * *", "h 3 * * *", "0~30 3 * * *", "@hourly", "@every 90s", "never", "0 0 3 * * *"} {
		for _, zone := range []string{"", "UTC", "Europe/Berlin", "Europe/Atlantis"} {
			for _, name := range []string{"backup", "report"} {
				j := job.Default()
				j.Name, j.Cluster, j.Command, j.Schedule, j.Timezone = name, "cluster-a", []string{"true"}, expr, zone
				j.OnLost = job.LostFail
				problems := j.Validate()
				got, _, found := c.Compile(&j)
				require.Equal(t, problems, found)
				require.Equal(t, j.Version(), c.Version(&j))
				want, err := j.Compile()
				if len(problems) > 0 || want == nil {
					require.Nil(t, got)
					continue
				}
				require.NoError(t, err)
				wantNext, wantOK := want.Next(after)
				gotNext, gotOK := got.Next(after)
				require.Equal(t, wantOK, gotOK)
				require.True(t, wantNext.Equal(gotNext), "%s %s %s: %s, not %s", name, expr, zone, gotNext, wantNext)
			}
		}
	}
}

// Jobs of one expression share its schedule, unless their names have a part
// in it.
func TestCompilerShares(t *testing.T) {
	c := job.NewCompiler()
	compiled := func(name, expr string) any {
		j := job.Default()
		j.Name, j.Cluster, j.Command, j.Schedule, j.OnLost = name, "cluster-a", []string{"true"}, expr, job.LostFail
		s, _, problems := c.Compile(&j)
		require.Empty(t, problems)
		return s
	}
	require.Same(t, compiled("a", "0 3 * * *"), compiled("b", "0 3 * * *"))
	require.NotSame(t, compiled("a", "H 3 * * *"), compiled("b", "H 3 * * *"))
}
