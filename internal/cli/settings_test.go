package cli

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/kafka"
)

// TestEveryTLSSettingEncrypts: none of them alone connects in the clear, and
// those that contradict each other are refused.
func TestEveryTLSSettingEncrypts(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct {
		given connection
		want  bool
		fails string
	}{
		"nothing":                       {},
		"tls":                           {given: connection{TLS: &yes}, want: true},
		"no tls":                        {given: connection{TLS: &no}},
		"tls_ca":                        {given: connection{TLSCA: "ca"}, want: true},
		"tls_cert":                      {given: connection{TLSCert: "cert"}, want: true},
		"tls_key":                       {given: connection{TLSKey: "key"}, want: true},
		"tls_server_name":               {given: connection{TLSServerName: "kafka"}, want: true},
		"tls_insecure":                  {given: connection{TLSInsecure: true}, want: true},
		"no tls, with tls_key":          {given: connection{TLS: &no, TLSKey: "key"}, fails: "tls is switched off, but tls_key is set: remove one of them"},
		"tls_insecure beside a tls_ca":  {given: connection{TLSInsecure: true, TLSCA: "ca"}, fails: "tls_ca would check nothing: remove one of them"},
		"tls_insecure with server name": {given: connection{TLSInsecure: true, TLSServerName: "kafka"}, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			o, err := c.given.options(&session{log: slog.New(slog.DiscardHandler)})
			if c.fails != "" {
				require.ErrorContains(t, err, c.fails)
				require.Equal(t, exitUsage, exitCode(err))
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, o.TLS.Enabled)
		})
	}
}

// TestUnsafeSettingsAreSaid: what is allowed and unsafe stands in the log.
func TestUnsafeSettingsAreSaid(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(secret, []byte("abc"), 0o600))
	said := func(c connection) string {
		var log bytes.Buffer
		_, err := c.options(&session{log: newLogger(&log, slog.LevelInfo, false)})
		require.NoError(t, err)
		return log.String()
	}
	plain := connection{Brokers: []string{"kafka:9092"}, SASLMechanism: "PLAIN", SASLUser: "bob", SASLPasswordFile: secret}
	plain.SASLPlaintext = true
	require.Contains(t, said(plain), "PLAIN without TLS shows the password")
	plain.Brokers = []string{"127.0.0.1:9092", "localhost:9092", "[::1]:9092"}
	require.Empty(t, said(plain))

	require.Empty(t, said(connection{SASLMechanism: "SCRAM-SHA-512", SASLUser: "bob", SASLPasswordFile: secret}))
	require.NoError(t, os.Chmod(secret, 0o644))
	require.Contains(t, said(connection{SASLMechanism: "SCRAM-SHA-512", SASLUser: "bob", SASLPasswordFile: secret}),
		"can be read by everybody (mode 0644): chmod 600")
	require.Contains(t, said(connection{TLSInsecure: true}), "any certificate is accepted")
}

// TestPlainNeedsEncryption: the password does not leave this host readable
// unless that was asked for.
func TestPlainNeedsEncryption(t *testing.T) {
	c := connection{Brokers: []string{"localhost:9092", "kafka:9092"}, SASLMechanism: "PLAIN", SASLUser: "bob", SASLPassword: "abc"}
	_, err := c.options(&session{log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "would send the password readable to kafka:9092: use TLS (--tls) or SCRAM-SHA-512, or allow it with --sasl-plaintext")
	require.Equal(t, exitUsage, exitCode(err))
	require.Error(t, kafka.Options{Brokers: c.Brokers, SASL: kafka.SASL{Mechanism: "plain", User: "bob", Password: "abc"}}.Check())
}
