package cli

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseConfig(t *testing.T) {
	known := []string{"brokers", "slots", "tls", "wait"}
	c, err := parseConfig("belfry.yaml", []byte("# mine\nbrokers:\n  - a:9092\n  - b:9092\ntls: true\nslots: 4\nwait: 3s\n"), known)
	require.NoError(t, err)
	require.Equal(t, "a:9092,b:9092", c.values["brokers"].value)
	require.Equal(t, true, c.values["tls"].value)
	require.Equal(t, "4", c.values["slots"].value)
	require.Equal(t, "3s", c.values["wait"].value)

	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		c, err = parseConfig("belfry.yaml", []byte(empty), known)
		require.NoError(t, err)
		require.Empty(t, c.values)
	}

	_, err = parseConfig("belfry.yaml", []byte("broker: a:9092\nslots:\n  many: 4\nwait: ~\n"), known)
	require.EqualError(t, err, `belfry.yaml:1:1: unknown setting "broker"; known are brokers, slots, tls, wait`+"\n"+
		"belfry.yaml:2:1: slots must be a value or a list of values\n"+
		"belfry.yaml:4:1: wait must be a value or a list of values")

	_, err = parseConfig("belfry.yaml", []byte("- a\n"), known)
	require.EqualError(t, err, "belfry.yaml:1:1: expected settings of the form name: value")
	_, err = parseConfig("belfry.yaml", []byte("a: [\n"), known)
	require.ErrorContains(t, err, "belfry.yaml: ")
}

// TestEverySettingHasAVariable keeps the three ways to give a setting in
// step: what a role or the connection can be told by flag can be told by
// BELFRY_* and by file.
func TestEverySettingHasAVariable(t *testing.T) {
	var g grammar
	k, err := parser(&g, io.Discard, io.Discard, func(int) {})
	require.NoError(t, err)
	for _, command := range k.Model.Children {
		switch command.Name {
		case "up", "scheduler", "worker":
			for _, flag := range command.Flags {
				if flag.Name != "help" {
					require.Len(t, flag.Envs, 1, "--%s of %s", flag.Name, command.Name)
				}
			}
		}
	}
}

// TestEveryCommandHasExamples: --help of each command shows how to use it.
func TestEveryCommandHasExamples(t *testing.T) {
	var g grammar
	k, err := parser(&g, io.Discard, io.Discard, func(int) {})
	require.NoError(t, err)
	leaves := k.Model.Leaves(true)
	require.Greater(t, len(leaves), 20)
	for _, command := range leaves {
		if command.Name != "completion" {
			require.Contains(t, command.Detail, "Examples:", command.FullPath())
			require.Contains(t, command.Detail, command.FullPath(), "an example of %s", command.FullPath())
		}
	}
}
