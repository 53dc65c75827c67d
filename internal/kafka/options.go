package kafka

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// The limits that let a client ride out one unreachable broker in about three
// seconds, measured with brokers killed and frozen.
const (
	dialTimeout      = time.Second
	handshakeTimeout = 3 * time.Second
	produceTimeout   = 1500 * time.Millisecond
	requestOverhead  = 1500 * time.Millisecond
	retryBackoff     = 100 * time.Millisecond

	// metadataMinAge bounds how long a transaction stalls when the broker
	// answers CONCURRENT_TRANSACTIONS: franz-go waits for a metadata refresh
	// then, which its default holds back by five seconds.
	metadataMinAge = 50 * time.Millisecond

	// metadataMaxAge is how long a resized topic goes unnoticed.
	metadataMaxAge = 10 * time.Second

	// unknownTopicRetries lets a topic made a moment ago be produced to
	// before every broker has heard of it (about 5 s of retryBackoff).
	unknownTopicRetries = 50
)

// Options says how to reach a Kafka cluster. The zero value of everything but
// Brokers is a plaintext connection without authentication.
type Options struct {
	Brokers  []string // "host:port", at least one
	ClientID string   // shown in broker logs; "belfry" if empty
	TLS      TLS
	SASL     SASL

	// Dialer replaces the network, for tests; TLS is put on top of it.
	Dialer func(ctx context.Context, network, host string) (net.Conn, error)

	// Metrics counts for all clients; nil counts nothing.
	Metrics *Metrics

	// Log gets what the client has to say; nil discards it.
	Log *slog.Logger
}

// TLS says whether and how to encrypt. CertFile and KeyFile are a client
// certificate; ServerName, if set, is checked instead of the broker's host.
type TLS struct {
	Enabled                   bool
	CAFile, CertFile, KeyFile string
	ServerName                string
	Insecure                  bool // accept any certificate
}

// SASL says who we are. Mechanism is PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or
// empty; the password is Password or the content of PasswordFile.
type SASL struct {
	Mechanism              string
	User                   string
	Password, PasswordFile string

	// Plaintext lets PLAIN send the password without TLS to other hosts, where
	// everybody on the way can read it.
	Plaintext bool
}

// Check says what contradicts itself or would betray the password.
func (o Options) Check() error {
	if err := o.SASL.check(); err != nil {
		return err
	}
	for _, broker := range o.Brokers {
		if err := o.mayDial(broker); err != nil {
			return err
		}
	}
	return nil
}

// PasswordInClear reports whether the password leaves this host readable.
func (o Options) PasswordInClear() bool {
	return o.SASL.clear() && !o.TLS.Enabled && slices.ContainsFunc(o.Brokers, func(b string) bool { return !loopback(b) })
}

// mayDial refuses to talk PLAIN without TLS to another host. It is asked for
// every broker, since those that are named may advertise others.
func (o Options) mayDial(broker string) error {
	if !o.SASL.clear() || o.TLS.Enabled || o.SASL.Plaintext || loopback(broker) {
		return nil
	}
	return fmt.Errorf("PLAIN without TLS would send the password readable to %s: use TLS (--tls) or SCRAM-SHA-512, "+
		"or allow it with --sasl-plaintext", broker)
}

// loopback reports whether a broker is on this host by its name alone: other
// names are resolved by whoever answers.
func loopback(broker string) bool {
	host, _, err := net.SplitHostPort(broker)
	if err != nil {
		host = broker
	}
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Client returns a plain idempotent client. It chooses no partitions: every
// record names its own (topic.Partition).
func (o Options) Client(extra ...kgo.Opt) (*kgo.Client, error) {
	return o.client(false, extra...)
}

func (o Options) client(transactional bool, extra ...kgo.Opt) (*kgo.Client, error) {
	base, err := o.base(transactional)
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(base, extra...)...)
	if err != nil {
		return nil, fmt.Errorf("setting up the Kafka client: %w", err)
	}
	return cl, nil
}

// base returns the settings all clients share.
func (o Options) base(transactional bool) ([]kgo.Opt, error) {
	if len(o.Brokers) == 0 {
		return nil, errors.New("no Kafka brokers given: set --brokers or BELFRY_BROKERS to host:port,host:port")
	}
	if err := o.Check(); err != nil {
		return nil, err
	}
	dial, err := o.dialer()
	if err != nil {
		return nil, err
	}
	id := o.ClientID
	if id == "" {
		id = "belfry"
	}
	opts := []kgo.Opt{
		kgo.SeedBrokers(o.Brokers...),
		kgo.ClientID(id),
		kgo.Dialer(dial),
		kgo.ProduceRequestTimeout(produceTimeout),
		kgo.RequestTimeoutOverhead(requestOverhead),
		kgo.RetryBackoffFn(func(int) time.Duration { return retryBackoff }),
		kgo.MetadataMinAge(metadataMinAge),
		kgo.MetadataMaxAge(metadataMaxAge),
		kgo.UnknownTopicRetries(unknownTopicRetries),
		kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
		kgo.DisableClientMetrics(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(500 * time.Millisecond),
	}
	if o.Metrics != nil {
		opts = append(opts, kgo.WithHooks(o.Metrics.hook(transactional)))
	}
	if o.Log != nil {
		opts = append(opts, kgo.WithLogger(newQuietLogger(o.Log)))
	}
	mechanism, err := o.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// dialer returns a dial function with a limit on the connection and one on
// the TLS handshake, so that a broker that hangs costs no more than a second.
func (o Options) dialer() (func(context.Context, string, string) (net.Conn, error), error) {
	dial := o.Dialer
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	config, err := o.TLS.config()
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, network, host string) (net.Conn, error) {
		if err := o.mayDial(host); err != nil {
			return nil, err
		}
		limited, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		conn, err := dial(limited, network, host)
		if err != nil || config == nil {
			return conn, err
		}
		return handshake(ctx, conn, config, host)
	}, nil
}

func handshake(ctx context.Context, conn net.Conn, config *tls.Config, host string) (net.Conn, error) {
	config = config.Clone()
	if config.ServerName == "" {
		name, _, err := net.SplitHostPort(host)
		if err != nil {
			name = host
		}
		config.ServerName = name
	}
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("TLS handshake with %s: %w", host, err), conn.Close())
	}
	return secure, nil
}

// config returns nil without TLS.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		return nil, nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.Insecure,
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("reading the CA certificates: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", t.CAFile)
		}
	}
	if (t.CertFile == "") != (t.KeyFile == "") {
		return nil, errors.New("a TLS client certificate needs both a certificate file and a key file")
	}
	if t.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("loading the TLS client certificate: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// End is when the client certificate ends; the zero time if there is none.
func (t TLS) End() (time.Time, error) {
	if t.CertFile == "" {
		return time.Time{}, nil
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return time.Time{}, fmt.Errorf("loading the TLS client certificate: %w", err)
	}
	return pair.Leaf.NotAfter, nil
}

// clear reports whether the mechanism sends the password as it is.
func (s SASL) clear() bool { return strings.EqualFold(s.Mechanism, "PLAIN") }

func (s SASL) check() error {
	switch {
	case s.Mechanism == "" && s.User != "":
		return errors.New("a SASL user is given but no mechanism: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case s.Mechanism == "" && (s.Password != "" || s.PasswordFile != ""):
		return errors.New("a SASL password is given but no mechanism: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case s.Password != "" && s.PasswordFile != "":
		return errors.New("a SASL password and a file with one are given: remove one of them")
	}
	return nil
}

// mechanism returns nil without SASL.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		return nil, nil
	}
	password, err := s.password()
	if err != nil {
		return nil, err
	}
	if s.User == "" || password == "" {
		return nil, fmt.Errorf("SASL %s needs a user and a password", s.Mechanism)
	}
	switch strings.ToUpper(s.Mechanism) {
	case "PLAIN":
		return plain.Auth{User: s.User, Pass: password}.AsMechanism(), nil
	case "SCRAM-SHA-256":
		return scram.Auth{User: s.User, Pass: password}.AsSha256Mechanism(), nil
	case "SCRAM-SHA-512":
		return scram.Auth{User: s.User, Pass: password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("unknown SASL mechanism %q: use PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", s.Mechanism)
}

func (s SASL) password() (string, error) {
	if s.PasswordFile == "" {
		return s.Password, nil
	}
	content, err := os.ReadFile(s.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("reading the SASL password: %w", err)
	}
	return strings.TrimRight(string(content), "\r\n"), nil
}
