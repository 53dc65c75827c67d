package alerts

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"
)

// within is how soon an alert promises to see its fault.
func within(t *testing.T, alert string) time.Duration {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "deploy/prometheus/rules/*.yml"))
	require.NoError(t, err)
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		var file struct {
			Groups []struct {
				Rules []struct {
					Alert       string            `yaml:"alert"`
					Annotations map[string]string `yaml:"annotations"`
				} `yaml:"rules"`
			} `yaml:"groups"`
		}
		require.NoError(t, yaml.Unmarshal(text, &file), name)
		for _, g := range file.Groups {
			for _, r := range g.Rules {
				if r.Alert == alert {
					limit, err := time.ParseDuration(r.Annotations["detect_within"])
					require.NoError(t, err, alert)
					return limit
				}
			}
		}
	}
	require.Fail(t, "there is no alert "+alert)
	return 0
}
