package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/belfry-cron/belfry/internal/app"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/topic"
)

// defaultListen is where up's broker listens, and so where every other
// command looks for one.
const defaultListen = "127.0.0.1:9392"

// connection is how to reach Kafka: the settings all commands share that do.
type connection struct {
	Brokers []string      `group:"connection" placeholder:"HOST:PORT" default:"${brokers}" env:"BELFRY_BROKERS" help:"Kafka brokers to ask first (the default is that of \"belfry up\")."`
	Prefix  string        `group:"connection" default:"belfry." env:"BELFRY_PREFIX" help:"What the names of all topics begin with."`
	Wait    time.Duration `group:"connection" default:"${wait=5s}" env:"BELFRY_WAIT" help:"How long to wait for a broker to answer."`

	TLS           *bool  `group:"connection" name:"tls" env:"BELFRY_TLS" help:"Encrypt the connection; every other --tls-… implies it."`
	TLSCA         string `group:"connection" name:"tls-ca" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_CA" help:"Trust these CA certificates (PEM) instead of the system's."`
	TLSCert       string `group:"connection" name:"tls-cert" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_CERT" help:"Client certificate (PEM)."`
	TLSKey        string `group:"connection" name:"tls-key" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_KEY" help:"Key of the client certificate (PEM)."`
	TLSServerName string `group:"connection" name:"tls-server-name" placeholder:"NAME" env:"BELFRY_TLS_SERVER_NAME" help:"Name the brokers' certificates must carry."`
	TLSInsecure   bool   `group:"connection" name:"tls-insecure" env:"BELFRY_TLS_INSECURE" help:"Accept any certificate."`

	SASLMechanism    string `group:"connection" name:"sasl-mechanism" enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" placeholder:"NAME" env:"BELFRY_SASL_MECHANISM" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."`
	SASLUser         string `group:"connection" name:"sasl-user" placeholder:"NAME" env:"BELFRY_SASL_USER" help:"Who we are."`
	SASLPassword     string `group:"connection" name:"sasl-password" placeholder:"WORD" env:"BELFRY_SASL_PASSWORD" help:"Password; better given as a variable or a file."`
	SASLPasswordFile string `group:"connection" name:"sasl-password-file" placeholder:"FILE" predictor:"file" env:"BELFRY_SASL_PASSWORD_FILE" help:"File that holds the password."`
	SASLPlaintext    bool   `group:"connection" name:"sasl-plaintext" env:"BELFRY_SASL_PLAINTEXT" help:"Let PLAIN send the password unencrypted to other hosts."`
}

// options returns how clients connect, and logs what is unsafe about it.
func (c *connection) options(s *session) (kafka.Options, error) {
	secure, err := c.secure()
	if err != nil {
		return kafka.Options{}, usageError(err)
	}
	o := kafka.Options{
		Brokers:  c.Brokers,
		ClientID: "belfry-cli",
		TLS: kafka.TLS{
			Enabled: secure, CAFile: c.TLSCA, CertFile: c.TLSCert, KeyFile: c.TLSKey,
			ServerName: c.TLSServerName, Insecure: c.TLSInsecure,
		},
		SASL: c.sasl(),
		Log:  s.log,
	}
	if err := o.Check(); err != nil {
		return kafka.Options{}, usageError(err)
	}
	for _, doubt := range c.doubts(o) {
		s.log.Warn("unsafe setting", "what", doubt)
	}
	return o, nil
}

// secure reports whether to encrypt: when asked to, and when any setting is
// given that means nothing without.
func (c *connection) secure() (bool, error) {
	implied := ""
	for _, given := range []struct {
		name string
		is   bool
	}{
		{"tls_ca", c.TLSCA != ""},
		{"tls_cert", c.TLSCert != ""},
		{"tls_key", c.TLSKey != ""},
		{"tls_server_name", c.TLSServerName != ""},
		{"tls_insecure", c.TLSInsecure},
	} {
		if given.is {
			implied = given.name
			break
		}
	}
	switch {
	case implied != "" && c.TLS != nil && !*c.TLS:
		return false, fmt.Errorf("tls is switched off, but %s is set: remove one of them", implied)
	case c.TLSInsecure && c.TLSCA != "":
		return false, errors.New("tls_insecure accepts any certificate, so tls_ca would check nothing: remove one of them")
	}
	return implied != "" || c.TLS != nil && *c.TLS, nil
}

// doubts are what works and is not safe.
func (c *connection) doubts(o kafka.Options) []string {
	var doubts []string
	if c.TLSInsecure {
		doubts = append(doubts, "tls_insecure: any certificate is accepted, so whoever is in between can read and change everything")
	}
	if o.PasswordInClear() {
		doubts = append(doubts, "sasl_plaintext: PLAIN without TLS shows the password to everybody on the way")
	}
	for _, secret := range []struct{ name, file string }{
		{"sasl_password_file", c.SASLPasswordFile},
		{"tls_key", c.TLSKey},
	} {
		if secret.file == "" {
			continue
		}
		if why := readable(secret.file); why != "" {
			doubts = append(doubts, fmt.Sprintf("%s: %s %s: chmod 600 %s", secret.name, secret.file, why, secret.file))
		}
	}
	return doubts
}

// sasl returns who we are: what was set, else what the embedded broker at
// that address asks for.
func (c *connection) sasl() kafka.SASL {
	set := kafka.SASL{
		Mechanism: c.SASLMechanism, User: c.SASLUser,
		Password: c.SASLPassword, PasswordFile: c.SASLPasswordFile, Plaintext: c.SASLPlaintext,
	}
	if set == (kafka.SASL{}) && len(c.Brokers) == 1 {
		return app.EmbeddedSASL(secretFolders(), c.Brokers[0])
	}
	return set
}

// secretFolders are where "up" leaves word of its broker's secret for the
// other commands: among the user's settings, else where it can.
func secretFolders() []string {
	var all []string
	if dir, err := os.UserConfigDir(); err == nil {
		all = append(all, filepath.Join(dir, "belfry", "brokers"))
	}
	return append(all, filepath.Join(os.TempDir(), fmt.Sprintf("belfry-%d", os.Getuid()), "brokers"))
}

func (c *connection) names() topic.Names { return topic.Names{Prefix: c.Prefix} }

// cluster is a connected Kafka as the answering commands use it.
type cluster struct {
	query.Topics
	admin *kafka.Admin
}

// steer returns what changes jobs and asks their shards.
func (k *cluster) steer() *steer.Steer { return steer.New(steer.Options{Topics: &k.Topics}) }

// connect reaches Kafka within the wait, and the topics.
func (c *connection) connect(ctx context.Context, s *session) (*cluster, error) {
	k, err := c.reach(ctx, s)
	if err != nil {
		return nil, err
	}
	k.Shards, err = k.admin.Shards(ctx)
	if err != nil {
		k.close()
		if errors.Is(err, kafka.ErrNoTopics) {
			return nil, &exitError{exitNotFound, err}
		}
		return nil, fmt.Errorf("looking for the topics: %w", err)
	}
	return k, nil
}

// reach is connect for those who can do without the topics.
func (c *connection) reach(ctx context.Context, s *session) (*cluster, error) {
	o, err := c.options(s)
	if err != nil {
		return nil, err
	}
	o.Log = s.quietLog()
	s.progress.say("reaching Kafka")
	if err := kafka.Await(ctx, o, c.Wait, o.Log); err != nil {
		return nil, err
	}
	cl, err := o.Client()
	if err != nil {
		return nil, err
	}
	return &cluster{
		Topics: query.Topics{
			Kafka: o, Client: cl, Names: c.names(),
			OnTopic:  func(name string) { s.progress.say("reading " + name) },
			OnRecord: s.progress.count,
		},
		admin: kafka.NewAdmin(cl, c.names()),
	}, nil
}

func (k *cluster) close() { k.Client.Close() }

// job returns the job in force under that name.
func (k *cluster) job(ctx context.Context, name string) (topic.Job, error) {
	j, err := k.Job(ctx, name)
	return j, told(err)
}
