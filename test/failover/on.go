package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/sim/check"
	kafkatest "github.com/belfry-cron/belfry/test/kafka"
	"github.com/belfry-cron/belfry/test/site"
)

// on is one Kafka with all sessions on it.
type on struct {
	o        options
	dir      string
	bin      string
	brokers  *kafkatest.Cluster
	overseer *overseer
	kafka    kafka.Options
	plain    *plain
	apart    error // why brokers cannot be cut off; nil if they can
}

// benchOn starts a Kafka, runs all sessions on it and adds to the report.
func benchOn(ctx context.Context, o options, version string, r *report) (err error) {
	dir, err := os.MkdirTemp("", "belfry-failover-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil && r.verdict() == check.Pass && !o.keep {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Fprintln(os.Stderr, "failover: logs, journals and data are kept in", dir)
	}()
	b := &on{o: o, dir: dir}
	defer b.stop()
	if err := b.start(ctx, version); err != nil {
		return err
	}
	for _, name := range o.kinds {
		k, err := kindOf(name)
		if err != nil {
			return err
		}
		if k.apart && b.apart != nil {
			r.leftOut(version, name, b.apart)
			continue
		}
		for round := range o.rounds {
			say("Kafka %s, %s, round %d of %d", version, name, round+1, o.rounds)
			if err := b.session(ctx, k, round, r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *on) start(ctx context.Context, version string) error {
	var err error
	if b.bin, err = site.Binary(ctx, b.dir); err != nil {
		return err
	}
	say("starting Kafka %s, three brokers", version)
	o := kafkatest.Options{Version: version, Dir: filepath.Join(b.dir, "kafka"), DefaultTimeouts: true, Apart: true}
	b.brokers, err = kafkatest.Start(ctx, o)
	if errors.Is(err, kafkatest.ErrNotApart) {
		b.apart, o.Apart = err, false
		b.brokers, err = kafkatest.Start(ctx, o)
	}
	if err != nil {
		return err
	}
	b.kafka = kafka.Options{Brokers: b.brokers.Brokers()}
	if b.overseer, err = newOverseer(b.kafka.Brokers); err != nil {
		return err
	}
	b.plain, err = newPlain(ctx, b.kafka)
	return err
}

func (b *on) stop() {
	if b.plain != nil {
		b.plain.close()
	}
	if b.overseer != nil {
		b.overseer.cl.Close()
	}
	if b.brokers != nil {
		b.brokers.Stop()
	}
}

// session lives through one round of a kind of fault.
func (b *on) session(ctx context.Context, k kind, round int, r *report) error {
	s := newSession(b, k, round)
	defer s.stop()
	if err := s.begin(ctx); err != nil {
		return err
	}
	e, err := s.live(ctx, round)
	if err != nil {
		return err
	}
	judged, err := check.Judge(e)
	if err != nil {
		return err
	}
	return errors.Join(r.add(s, b.plain, &e, judged), b.forget(ctx, s))
}

// forget deletes the topics of a session, since they would slow the next.
func (b *on) forget(ctx context.Context, s *session) error {
	topics, err := b.overseer.adm.ListTopics(ctx)
	if err != nil {
		return err
	}
	var names []string
	for _, name := range topics.Names() {
		if strings.HasPrefix(name, s.names.Prefix) {
			names = append(names, name)
		}
	}
	_, err = b.overseer.adm.DeleteTopics(ctx, names...)
	return err
}
