package kafka_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/belfry-cron/belfry/internal/kafka"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// closedPort returns an address nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestAwaitSaysWhatItWaitsForAndEnds(t *testing.T) {
	address := closedPort(t)
	var log bytes.Buffer
	begin := time.Now()
	err := kafka.Await(t.Context(), kafka.Options{Brokers: []string{address}}, 700*time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
	require.ErrorContains(t, err, address)
	require.ErrorContains(t, err, "within 700ms")
	require.Less(t, time.Since(begin), 10*time.Second)
	require.Contains(t, log.String(), "waiting for Kafka")
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := kafka.Await(ctx, kafka.Options{Brokers: []string{closedPort(t)}}, time.Hour, discard())
	require.ErrorIs(t, err, context.Canceled)
}

func TestAwaitGoesOnWhenABrokerComesUp(t *testing.T) {
	address := closedPort(t)
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	result := make(chan error)
	waits := make(chan struct{}, 1)
	log := slog.New(slog.NewTextHandler(notify(waits), nil))
	go func() {
		result <- kafka.Await(t.Context(), kafka.Options{Brokers: []string{address}}, time.Minute, log)
	}()
	<-waits
	number, err := net.LookupPort("tcp", port)
	require.NoError(t, err)
	c, err := kfake.NewCluster(kfake.Ports(number))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, <-result)
}

// notify is a writer that sends once something was written.
type notify chan<- struct{}

func (n notify) Write(p []byte) (int, error) {
	select {
	case n <- struct{}{}:
	default:
	}
	return len(p), nil
}

func TestSASL(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			o := inProcess(t, kfake.EnableSASL(), kfake.Superuser(mechanism, "belfry", "right"))
			file := filepath.Join(t.TempDir(), "password")
			require.NoError(t, os.WriteFile(file, []byte("right\n"), 0o600))
			o.SASL = kafka.SASL{Mechanism: mechanism, User: "belfry", PasswordFile: file}
			require.NoError(t, kafka.Await(t.Context(), o, 10*time.Second, discard()))

			o.SASL = kafka.SASL{Mechanism: mechanism, User: "belfry", Password: "wrong"}
			require.Error(t, kafka.Await(t.Context(), o, 300*time.Millisecond, discard()))
		})
	}
}

func TestAwaitDoesNotWaitForARefusedPassword(t *testing.T) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser("PLAIN", "belfry", "right"))
	require.NoError(t, err)
	defer c.Close()
	// Unlike Kafka, the in-process broker hangs up without an answer.
	c.ControlKey(kmsg.SASLAuthenticate.Int16(), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		resp := req.ResponseKind().(*kmsg.SASLAuthenticateResponse)
		resp.ErrorCode = kerr.SaslAuthenticationFailed.Code
		return resp, nil, true
	})
	o := kafka.Options{Brokers: c.ListenAddrs(), SASL: kafka.SASL{Mechanism: "PLAIN", User: "belfry", Password: "wrong"}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = kafka.Await(ctx, o, time.Hour, discard())
	require.ErrorIs(t, err, kerr.SaslAuthenticationFailed)
}

func TestOptionsRefuseWhatCannotWork(t *testing.T) {
	some := []string{"localhost:9092"}
	for name, c := range map[string]struct {
		o    kafka.Options
		says string
	}{
		"no brokers":        {kafka.Options{}, "BELFRY_BROKERS"},
		"unknown mechanism": {kafka.Options{Brokers: some, SASL: kafka.SASL{Mechanism: "GSSAPI", User: "a", Password: "b"}}, "SCRAM-SHA-256"},
		"no password":       {kafka.Options{Brokers: some, SASL: kafka.SASL{Mechanism: "PLAIN", User: "a"}}, "needs a user and a password"},
		"no mechanism":      {kafka.Options{Brokers: some, SASL: kafka.SASL{User: "a"}}, "no mechanism"},
		"no password file":  {kafka.Options{Brokers: some, SASL: kafka.SASL{Mechanism: "PLAIN", User: "a", PasswordFile: "/nonexistent"}}, "/nonexistent"},
		"no CA file":        {kafka.Options{Brokers: some, TLS: kafka.TLS{Enabled: true, CAFile: "/nonexistent"}}, "/nonexistent"},
		"half a key pair":   {kafka.Options{Brokers: some, TLS: kafka.TLS{Enabled: true, CertFile: "a"}}, "key file"},
		"CA without a certificate": {
			kafka.Options{Brokers: some, TLS: kafka.TLS{Enabled: true, CAFile: "doc.go"}},
			"doc.go holds no PEM certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.o.Client()
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTLS(t *testing.T) {
	ca, serving := certificate(t)
	c, err := kfake.NewCluster(kfake.TLS(serving))
	require.NoError(t, err)
	defer c.Close()
	o := kafka.Options{Brokers: c.ListenAddrs(), TLS: kafka.TLS{Enabled: true, CAFile: ca}}
	require.NoError(t, kafka.Await(t.Context(), o, 10*time.Second, discard()))

	for name, settings := range map[string]kafka.TLS{
		"unknown authority": {Enabled: true},
		"wrong name":        {Enabled: true, CAFile: ca, ServerName: "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			o.TLS = settings
			require.ErrorContains(t, kafka.Await(limited(t), o, time.Hour, discard()), "certificate")
		})
	}
	o.TLS = kafka.TLS{Enabled: true, Insecure: true}
	require.NoError(t, kafka.Await(t.Context(), o, 10*time.Second, discard()))
}

// certificate makes a self-signed certificate for 127.0.0.1.
func certificate(t *testing.T) (file string, config *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "belfry test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	file = filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return file, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}
