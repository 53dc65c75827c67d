package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/api"
	"github.com/belfry-cron/belfry/internal/gate"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/notice"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/ready"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
	"github.com/belfry-cron/belfry/internal/web"
)

// ServerOptions says what a server process is.
type ServerOptions struct {
	Node
	HTTPOptions

	// Data is the folder of the read model and of the key of sessions.
	Data string
	// KeyFile holds the key of sessions, for several servers behind one name;
	// empty is a key of this server's own, in Data.
	KeyFile string
	// OIDC is the provider that people log in with, nil for none.
	OIDC *gate.OIDC
	// Notices are the targets of notices; without them this server delivers none.
	Notices *notice.Settings

	// OnServe is called once requests are answered, with the address.
	OnServe func(url string)
}

// Server runs a server until ctx ends.
func Server(ctx context.Context, o ServerOptions) (err error) {
	st := &stack{log: o.Log}
	defer func() { err = errors.Join(err, st.close(stopMargin)) }()
	n, err := o.open(ctx, st, nil)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	key, err := o.key()
	if err != nil {
		return err
	}
	so := serving{HTTPOptions: o.HTTPOptions, data: o.Data, key: key, oidc: o.OIDC, notices: o.Notices, ensure: n.ensure}
	url, err := n.startServer(ctx, so)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	n.started()
	o.OnServe(url)
	return n.roles.wait(ctx)
}

// keyBytes is how long a key of sessions is.
const keyBytes = 32

// key returns the key of sessions: that of the file, or one of the server's own,
// which it makes at its first start.
func (o *ServerOptions) key() ([]byte, error) {
	if o.KeyFile != "" {
		key, err := os.ReadFile(o.KeyFile)
		if err == nil && len(key) < keyBytes {
			err = fmt.Errorf("%s holds %d bytes; at least %d of chance are needed, as \"openssl rand -out FILE 32\" makes", o.KeyFile, len(key), keyBytes)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the key of sessions: %w", err)
		}
		sum := sha256.Sum256(key)
		return sum[:], nil
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	path := filepath.Join(o.Data, "session-key")
	key, err := os.ReadFile(path)
	if err == nil && len(key) >= keyBytes {
		return key, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the key of sessions: %w", err)
	}
	key = make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails
	if err := os.WriteFile(path, key, 0o600); err != nil {
		return nil, fmt.Errorf("writing the key of sessions: %w", err)
	}
	return key, nil
}

// serving is what a server role of a process is made of.
type serving struct {
	HTTPOptions
	data string
	key  []byte
	oidc *gate.OIDC
	// local is whoever opens a one-time URL: then there is no other login.
	local   *access.Principal
	notices *notice.Settings
	ensure  func(context.Context, []string) error
}

// startServer starts the read model and what answers from it, and returns where.
func (n *opened) startServer(ctx context.Context, o serving) (string, error) {
	began := time.Now()
	health := n.health.begin(n.Name + "-server")
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return "", fmt.Errorf("making the data folder: %w", err)
	}
	db, err := history.Open(ctx, history.Options{
		Path: filepath.Join(o.data, "history.db"), Names: n.Names, Shards: n.topics.Shards, Log: n.Log,
	})
	if err != nil {
		return "", err
	}
	n.stack.push("read model", func(context.Context) error { return db.Close() })
	follower := tail.New(tail.Options{Kafka: n.Kafka, Names: n.Names, History: db, Log: n.Log})
	n.roles.start(ctx, "read model", follower.Run)
	health.observe(func(now time.Time) []ready.Reason {
		p := follower.Progress()
		return ready.Server{Name: n.Name, Began: began, Complete: p.Ready, Trouble: p.Trouble}.Reasons(now)
	})
	steering := steer.New(steer.Options{Topics: n.topics, Ensure: o.ensure, Job: jobFrom(db, n.topics)})
	programs, err := api.New(api.Options{
		History: db, Tail: follower, Topics: n.topics, Admin: n.admin, Steer: steering, Notices: n.deliver(ctx, o.notices),
		Version: n.Version, Log: n.Log,
	})
	if err != nil {
		return "", err
	}
	listener, url, err := o.listen(ctx)
	if err != nil {
		return "", err
	}
	n.stack.push("address", func(context.Context) error { _ = listener.Close(); return nil }) // who answers there closes it first
	door, err := n.door(ctx, o, listener)
	if err != nil {
		return "", err
	}
	pages, err := web.New(web.Options{History: db, Tail: follower, Topics: n.topics, Steer: steering, Gate: door, Log: n.Log})
	if err != nil {
		return "", err
	}
	n.answer(ctx, o.HTTPOptions, listener, handler(door, n.health, programs, pages))
	return url, nil
}

// deliver starts the delivery of notices, if there are settings for it.
func (n *opened) deliver(ctx context.Context, settings *notice.Settings) *notice.Service {
	if settings == nil {
		return nil
	}
	service := notice.New(notice.Options{
		Name: n.Name, Kafka: n.Kafka, Names: n.Names, Settings: *settings, Registry: n.Registry, Log: n.Log,
	})
	n.roles.start(ctx, "notices", service.Run)
	return service
}

// door is what lets people and programs in.
func (n *opened) door(ctx context.Context, o serving, at net.Listener) (*gate.Gate, error) {
	_, port, _ := net.SplitHostPort(at.Addr().String()) // it is one
	g := gate.Options{
		Key: o.key, Local: o.local, Hosts: o.names(), Proxies: o.Proxies, Encrypted: o.encrypted(), Port: port, Log: n.Log,
	}
	if o.local == nil {
		g.Tokens = gate.NewTokens()
		n.roles.start(ctx, "tokens", func(ctx context.Context) error { return g.Tokens.Follow(ctx, n.Kafka, n.Names) })
	}
	if o.oidc != nil {
		provider, err := gate.Discover(ctx, *o.oidc)
		if err != nil {
			return nil, err
		}
		g.OIDC = provider
	}
	return gate.New(g)
}

// jobFrom looks for jobs in the read model, and then in Kafka, which a change of
// a moment ago may not have left yet.
func jobFrom(db *history.DB, topics *query.Topics) func(context.Context, string) (topic.Job, error) {
	return func(ctx context.Context, name string) (topic.Job, error) {
		row, err := db.Job(ctx, name, time.Now())
		if err == nil {
			return row.Job, nil
		}
		return topics.Job(ctx, name)
	}
}
