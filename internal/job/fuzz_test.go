package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzParse: whatever is in a file, Parse ends with jobs that are good or
// problems that have a place in the file.
func FuzzParse(f *testing.F) {
	for _, file := range readExamples(f) {
		f.Add(file.Data, strings.HasSuffix(file.Name, ".crontab"))
	}
	scenarios, err := filepath.Glob("testdata/golden/*")
	require.NoError(f, err)
	for _, path := range scenarios {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		for part := range strings.SplitSeq(string(data), "\nparse") {
			_, input, _ := strings.Cut(part, "\n")
			input, _, _ = strings.Cut(input, "\n----")
			f.Add([]byte(input), strings.HasSuffix(path, "crontab"))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, crontab bool) {
		name := "jobs.yaml"
		if crontab {
			name = "jobs.crontab"
		}
		set, err := Parse([]File{{Name: name, Data: data}})
		if err != nil {
			var ps Problems
			require.ErrorAs(t, err, &ps)
			require.NotEmpty(t, ps)
			lines := 1 + strings.Count(string(data), "\n")
			for _, p := range ps {
				require.Equal(t, name, p.File)
				require.NotEmpty(t, p.Message)
				require.GreaterOrEqual(t, p.Column, 1)
				require.True(t, p.Line >= 1 && p.Line <= lines, "line %d of %d", p.Line, lines)
			}
			return
		}
		require.NotEmpty(t, set.Clusters)
		for _, j := range set.Jobs {
			require.Empty(t, j.Validate())
			require.Contains(t, set.Clusters, j.Cluster)
			require.Equal(t, j, j.WithDefaults())
			require.Equal(t, name, j.Source)
			_, err := j.Compile()
			require.NoError(t, err)
		}
	})
}
