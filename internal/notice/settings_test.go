package notice

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func written(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "targets.yaml")
}

func TestSettings(t *testing.T) {
	s, err := Load(written(t, map[string]string{
		"targets.yaml": `
targets:
  chat: {kind: slack, url_file: chat-url}
  pager:
    kind: pagerduty
    secret_file: pager-key
  hook:
    kind: webhook
    url: https://hooks.example.org/belfry?x=1
    secret_file: hook-secret
  plain: {kind: webhook, url: "http://127.0.0.1:8081/"}
allow: [127.0.0.1, 10.1.0.0/16, hooks.internal]
`,
		"chat-url": "https://chat.example.org/services/T0/B0/secret\n", "pager-key": "key\n", "hook-secret": strings.Repeat("x", 32),
	}))
	require.NoError(t, err)
	require.Len(t, s.Targets, 4)
	require.Equal(t, "https://chat.example.org/services/T0/B0/secret", s.Targets["chat"].URL.String())
	require.Equal(t, pagerDutyURL, s.Targets["pager"].URL.String())
	require.Equal(t, "key", string(s.Targets["pager"].Secret))
	require.Len(t, s.Targets["hook"].Secret, 32)
	require.Empty(t, s.Targets["plain"].Secret)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.1.0.0/16")}, s.Allowed)
	require.Equal(t, []string{"hooks.internal"}, s.AllowedHosts)
	service := New(Options{Settings: s})
	require.Equal(t, Info{"chat", KindSlack, "chat.example.org"}, service.Targets()[0], "nothing secret")

	s, err = Load(written(t, map[string]string{"targets.yaml": "# none yet\n"}))
	require.NoError(t, err)
	require.Empty(t, s.Targets)
}

// TestWhatIsWrongWithSettings: the file, the target, the field, and what to do;
// never an address, which may be secret.
func TestWhatIsWrongWithSettings(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"no YAML":             {"targets: [", "targets.yaml: [1:"},
		"an unknown field":    {"targets:\n  a: {kind: slack, uri: x}", `targets.yaml: [2:20] unknown field "uri"`},
		"an unknown kind":     {"targets:\n  a: {kind: mail}", `targets.yaml: target "a": kind is "mail"; it is webhook, slack or pagerduty`},
		"a name with a blank": {"targets:\n  a b: {kind: slack, url: https://e.org}", `target "a b": the name is of letters`},
		"no address":          {"targets:\n  a: {kind: slack}", `target "a": has neither url nor url_file`},
		"two addresses":       {"targets:\n  a: {kind: slack, url: https://e.org, url_file: x}", "has both url and url_file"},
		"no scheme":           {"targets:\n  a: {kind: slack, url: hooks.example.org}", "url is no address that begins with https:// or http://"},
		"a file":              {"targets:\n  a: {kind: webhook, url: 'file:///etc/passwd'}", "url is no address"},
		"a password":          {"targets:\n  a: {kind: webhook, url: 'https://me:secret@e.org'}", "url holds a name or a password"},
		"no key":              {"targets:\n  a: {kind: pagerduty}", "secret_file is missing"},
		"no such file":        {"targets:\n  a: {kind: webhook, url: https://e.org, secret_file: gone}", "no such file"},
		"a short secret":      {"targets:\n  a: {kind: webhook, url: https://e.org, secret_file: short}", "holds 3 bytes; at least 16 are needed"},
		"an empty secret":     {"targets:\n  a: {kind: webhook, url: https://e.org, secret_file: empty}", "is empty"},
		"an odd allowance":    {"allow: ['10.0.0.0/33']", `allow: "10.0.0.0/33" is no address, no network`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(written(t, map[string]string{"targets.yaml": c.text, "short": "abc", "empty": "\n"}))
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), "me:secret")
		})
	}
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
