package job_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/job"
)

func TestBackground(t *testing.T) {
	for text, want := range map[string]string{
		"work &":                       "&",
		"work >/dev/null 2>&1 &\n":     "&",
		"nohup work":                   "nohup",
		"cd /srv && nohup work":        "nohup",
		"(/usr/bin/setsid work)":       "setsid",
		"a; setsid b; c":               "setsid",
		"work & wait":                  "",
		"work 2>&1":                    "",
		"a && b":                       "",
		`echo "nohup is a word" 'x &'`: "",
		"echo nohup":                   "",
		`echo \&`:                      "",
		"":                             "",
	} {
		require.Equal(t, want, job.Background([]string{"/bin/sh", "-c", text}), text)
	}
	require.Equal(t, "setsid", job.Background([]string{"/usr/bin/setsid", "-f", "work"}))
	require.Empty(t, job.Background([]string{"echo", "nohup"}))
	require.Empty(t, job.Background(nil))
}
