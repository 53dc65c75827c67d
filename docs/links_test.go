// Package docs checks the project's pages against its tree.
package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLinksHoldWhatTheirNamesSay follows every relative link of every page.
// One whose text is a name in backticks must lead to a file that declares it.
func TestLinksHoldWhatTheirNamesSay(t *testing.T) {
	var pages []string
	for _, pattern := range []string{"*.md", "measured/*.md", "runbooks/*.md", "../*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.NotEmpty(t, found, pattern)
		pages = append(pages, found...)
	}
	link := regexp.MustCompile(`\[([^\]]+)\]\(([^)#\s]+)[^)]*\)`)
	checked := 0
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[2], "://") {
				continue
			}
			checked++
			target := filepath.Join(filepath.Dir(page), m[2])
			_, err := os.Stat(target)
			require.NoError(t, err, "%s links to %s", page, m[2])
			if name := strings.Trim(m[1], "`"); name != m[1] && strings.HasSuffix(target, ".go") {
				requireDeclared(t, page, target, name)
			}
		}
	}
	require.Greater(t, checked, 20)
}

func requireDeclared(t *testing.T, page, target, name string) {
	t.Helper()
	source, err := os.ReadFile(target)
	require.NoError(t, err)
	declared := regexp.MustCompile(`(?m)^(func (\([^)]*\) )?|type |package |const |\t)` + regexp.QuoteMeta(name) + `\b`)
	require.Regexp(t, declared, string(source), "%s says that %s declares %s", page, target, name)
}
