package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// TestBoardsAreWritten: what is committed is what the tables say.
func TestBoardsAreWritten(t *testing.T) {
	written := map[string]bool{}
	for _, b := range boards() {
		want, err := b.json()
		require.NoError(t, err)
		name := filepath.Join(root, folder, b.uid+".json")
		got, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is out of date: go run ./test/dashboards", name)
		written[name] = true
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.json"))
	require.NoError(t, err)
	require.Len(t, files, len(written), "a dashboard that nothing writes")
}

// TestBoardsAreValid: Grafana's own strict reading takes each, no panel overlaps
// another, each has a unit, says what it shows and names the data source.
func TestBoardsAreValid(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	for _, b := range boards() {
		text, err := os.ReadFile(filepath.Join(root, folder, b.uid+".json"))
		require.NoError(t, err)
		var strict, d dashboard.Dashboard
		require.Empty(t, said(strict.UnmarshalJSONStrict(text)), b.title)
		require.NoError(t, json.Unmarshal(text, &d), b.title)
		require.Empty(t, said(d.Validate()), b.title)
		require.Len(t, d.Panels, len(b.panels))
		taken := map[[2]uint32]string{}
		titles := map[string]bool{}
		for _, either := range d.Panels {
			p := either.Panel
			require.NotNil(t, p, b.title)
			at := b.title + ": " + *p.Title
			require.False(t, titles[*p.Title], "%s: twice", at)
			titles[*p.Title] = true
			require.NotEmpty(t, *p.Description, at)
			require.NotEmpty(t, *p.FieldConfig.Defaults.Unit, at)
			require.Equal(t, "belfry-prometheus", *p.Datasource.Uid, at)
			require.LessOrEqual(t, p.GridPos.X+p.GridPos.W, uint32(gridWidth), at)
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					place := [2]uint32{p.GridPos.X + x, p.GridPos.Y + y}
					require.Empty(t, taken[place], "%s lies over %s", at, taken[place])
					taken[place] = at
				}
			}
		}
	}
}

// TestStrictReadingRefuses: the reading above names a key that is misspelt.
func TestStrictReadingRefuses(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text, err := boards()[0].json()
	require.NoError(t, err)
	var raw map[string]any
	require.NoError(t, json.Unmarshal(text, &raw))
	raw["panles"] = raw["panels"]
	wrong, err := json.Marshal(raw)
	require.NoError(t, err)
	var d dashboard.Dashboard
	require.Contains(t, said(d.UnmarshalJSONStrict(wrong)), "panles")
}

// said is what an error says: the SDK returns a list that may be empty.
func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
