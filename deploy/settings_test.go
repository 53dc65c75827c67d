package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEverySettingExists: a variable that no command reads would be ignored in
// silence.
func TestEverySettingExists(t *testing.T) {
	sources, err := filepath.Glob("../internal/cli/*.go")
	require.NoError(t, err)
	known := map[string]bool{}
	tag := regexp.MustCompile(`env:"(BELFRY_[A-Z_]+)"`)
	for _, source := range sources {
		text, err := os.ReadFile(source)
		require.NoError(t, err)
		for _, m := range tag.FindAllStringSubmatch(string(text), -1) {
			known[m[1]] = true
		}
	}
	require.Greater(t, len(known), 30)
	rendered, err := filepath.Glob("testdata/*.yaml")
	require.NoError(t, err)
	used := 0
	name := regexp.MustCompile(`\bBELFRY_[A-Z_]+\b`)
	for _, file := range append(rendered, "docker/Dockerfile", "compose/compose.yaml") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, setting := range name.FindAllString(string(text), -1) {
			used++
			require.True(t, known[setting], "%s sets %s, which no command reads", file, setting)
		}
	}
	require.Greater(t, used, 30)
}
