package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// stranger is an account that is neither the tests' nor root.
const stranger = 4711

// TestSettingsOfOthersAreNotBelieved: what lies in the current folder is read
// only if nobody but the user and root can have put it there.
func TestSettingsOfOthersAreNotBelieved(t *testing.T) {
	for _, c := range []struct {
		name   string
		root   bool // only root can arrange it
		change func(t *testing.T, dir, file string)
		want   string // empty: it is read
	}{
		{name: "one's own"},
		{name: "one's own folder in a shared one with the sticky bit", change: func(t *testing.T, dir, _ string) {
			require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
		}},
		{name: "anybody may write", want: "can be written to by everybody (mode 0646)", change: func(t *testing.T, _, file string) {
			require.NoError(t, os.Chmod(file, 0o646))
		}},
		{name: "anybody may replace it", want: "its folder can be written to by everybody", change: func(t *testing.T, dir, _ string) {
			require.NoError(t, os.Chmod(dir, 0o777))
		}},
		{name: "another user's", root: true, want: "it belongs to uid 4711", change: func(t *testing.T, _, file string) {
			require.NoError(t, os.Chown(file, stranger, stranger))
		}},
		{name: "another group may write", root: true, want: "can be written to by group 4711", change: func(t *testing.T, _, file string) {
			require.NoError(t, os.Chown(file, 0, stranger))
			require.NoError(t, os.Chmod(file, 0o664))
		}},
		{name: "another user's folder", root: true, want: "its folder belongs to uid 4711", change: func(t *testing.T, dir, _ string) {
			require.NoError(t, os.Chown(dir, stranger, stranger))
		}},
		{name: "another user's link", root: true, want: "the link belongs to uid 4711", change: func(t *testing.T, dir, file string) {
			require.NoError(t, os.Rename(file, filepath.Join(dir, "other.yaml")))
			require.NoError(t, os.Symlink("other.yaml", file))
			require.NoError(t, os.Lchown(file, stranger, stranger))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.root && os.Geteuid() != 0 {
				t.Skip("only root gives files away")
			}
			dir := t.TempDir()
			t.Chdir(dir)
			require.NoError(t, os.WriteFile("belfry.yaml", []byte("tls: true\n"), 0o644))
			if c.change != nil {
				c.change(t, dir, "belfry.yaml")
			}
			data, doubts, err := readSettings("belfry.yaml", false)
			require.Empty(t, doubts)
			if c.want == "" {
				require.NoError(t, err)
				require.Equal(t, "tls: true\n", string(data))
				return
			}
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, "Give --config ./belfry.yaml")
			require.Equal(t, exitUsage, exitCode(err))

			_, _, err = readSettings("belfry.yaml", true)
			require.NoError(t, err, "who names it trusts it")
		})
	}
}

// TestSettingsThatAreNamedRaiseDoubts: they are read, and the log says who
// else decides what they hold.
func TestSettingsThatAreNamedRaiseDoubts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.yaml")
	require.NoError(t, os.WriteFile(file, []byte("sasl_password: abc\n"), 0o600))
	require.NoError(t, os.Chmod(file, 0o602))
	_, doubts, err := readSettings(file, true)
	require.NoError(t, err)
	require.Len(t, doubts, 1)
	require.ErrorContains(t, doubts[0], "can be written to by everybody")

	c, err := parseConfig(file, []byte("sasl_password: abc\n"), []string{"sasl_password"})
	require.NoError(t, err)
	require.Empty(t, c.doubts())
	require.NoError(t, os.Chmod(file, 0o604))
	require.Len(t, c.doubts(), 1)
	require.ErrorContains(t, c.doubts()[0], "holds a password and can be read by everybody")
}

// TestSettingsHaveABound: neither an endless file nor a pipe hangs a command.
func TestSettingsHaveABound(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, err := readSettings("/dev/zero", true)
	require.ErrorContains(t, err, "larger than 1048576 bytes")
	_, _, err = readSettings(".", true)
	require.ErrorContains(t, err, "is a folder")
	_, _, err = readSettings("absent.yaml", false)
	require.ErrorIs(t, err, os.ErrNotExist)
}
