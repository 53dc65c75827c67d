package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/kafka"
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

	TLS           bool   `group:"connection" name:"tls" env:"BELFRY_TLS" help:"Encrypt the connection."`
	TLSCA         string `group:"connection" name:"tls-ca" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_CA" help:"Trust these CA certificates (PEM) instead of the system's."`
	TLSCert       string `group:"connection" name:"tls-cert" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_CERT" help:"Client certificate (PEM)."`
	TLSKey        string `group:"connection" name:"tls-key" placeholder:"FILE" predictor:"file" env:"BELFRY_TLS_KEY" help:"Key of the client certificate (PEM)."`
	TLSServerName string `group:"connection" name:"tls-server-name" placeholder:"NAME" env:"BELFRY_TLS_SERVER_NAME" help:"Name the brokers' certificates must carry."`
	TLSInsecure   bool   `group:"connection" name:"tls-insecure" env:"BELFRY_TLS_INSECURE" help:"Accept any certificate."`

	SASLMechanism    string `group:"connection" name:"sasl-mechanism" enum:",PLAIN,SCRAM-SHA-256,SCRAM-SHA-512" default:"" placeholder:"NAME" env:"BELFRY_SASL_MECHANISM" help:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."`
	SASLUser         string `group:"connection" name:"sasl-user" placeholder:"NAME" env:"BELFRY_SASL_USER" help:"Who we are."`
	SASLPassword     string `group:"connection" name:"sasl-password" placeholder:"WORD" env:"BELFRY_SASL_PASSWORD" help:"Password; better given as a variable or a file."`
	SASLPasswordFile string `group:"connection" name:"sasl-password-file" placeholder:"FILE" predictor:"file" env:"BELFRY_SASL_PASSWORD_FILE" help:"File that holds the password."`
}

// options returns how clients connect.
func (c *connection) options(s *session) kafka.Options {
	return kafka.Options{
		Brokers:  c.Brokers,
		ClientID: "belfry-cli",
		TLS: kafka.TLS{
			Enabled: c.TLS || c.TLSCA != "" || c.TLSCert != "", CAFile: c.TLSCA, CertFile: c.TLSCert, KeyFile: c.TLSKey,
			ServerName: c.TLSServerName, Insecure: c.TLSInsecure,
		},
		SASL: kafka.SASL{
			Mechanism: c.SASLMechanism, User: c.SASLUser,
			Password: c.SASLPassword, PasswordFile: c.SASLPasswordFile,
		},
		Log: s.log,
	}
}

func (c *connection) names() topic.Names { return topic.Names{Prefix: c.Prefix} }

// cluster is a connected Kafka as the answering commands use it.
type cluster struct {
	o      kafka.Options
	cl     *kgo.Client
	admin  *kafka.Admin
	names  topic.Names
	shards int32
	s      *session
}

// connect reaches Kafka within the wait, and the topics.
func (c *connection) connect(ctx context.Context, s *session) (*cluster, error) {
	k, err := c.reach(ctx, s)
	if err != nil {
		return nil, err
	}
	k.shards, err = k.admin.Shards(ctx)
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
	o := c.options(s)
	o.Log = s.quietLog()
	s.progress.say("reaching Kafka")
	if err := kafka.Await(ctx, o, c.Wait, o.Log); err != nil {
		return nil, err
	}
	cl, err := o.Client()
	if err != nil {
		return nil, err
	}
	return &cluster{o: o, cl: cl, admin: kafka.NewAdmin(cl, c.names()), names: c.names(), s: s}, nil
}

func (k *cluster) close() { k.cl.Close() }
