package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// awaitReport is how often a wait for Kafka says that it is waiting.
const awaitReport = 5 * time.Second

// Await returns as soon as a broker answers. It says on log what it waits
// for, and fails after limit, or at once when more waiting cannot help
// (authentication refused, a certificate that is not trusted, bad options).
func Await(ctx context.Context, o Options, limit time.Duration, log *slog.Logger) error {
	cl, err := o.Client(kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer cl.Close()
	brokers := strings.Join(o.Brokers, ", ")
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	begin, reported := time.Now(), time.Time{}
	var last error
	for {
		err := cl.Ping(bounded)
		if bounded.Err() == nil || last == nil {
			last = err // what the limit itself cuts short says nothing
		}
		switch {
		case err == nil:
			if !reported.IsZero() {
				log.Info("Kafka answers", "brokers", brokers, "waited", time.Since(begin).Round(time.Millisecond))
			}
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("waiting for Kafka at %s: %w", brokers, ctx.Err())
		case Classify(err) == ClassAuthorization, errors.As(err, new(*tls.CertificateVerificationError)):
			return fmt.Errorf("connecting to Kafka at %s: %w", brokers, err)
		}
		if time.Since(reported) >= awaitReport {
			reported = time.Now()
			log.Warn("waiting for Kafka", "brokers", brokers, "limit", limit, "error", err)
		}
		select {
		case <-bounded.Done():
			if ctx.Err() != nil {
				return fmt.Errorf("waiting for Kafka at %s: %w", brokers, ctx.Err())
			}
			return fmt.Errorf("no Kafka broker answered at %s within %s (is the address right, and Kafka running?): %w",
				brokers, limit, last)
		case <-time.After(retryBackoff):
		}
	}
}

// feature is something Belfry cannot do without, and the request that shows
// whether a broker has it.
type feature struct {
	name    string
	key     int16
	version int16
}

// features are what promises P1, P2 and P4 stand on.
func features() []feature {
	return []feature{
		{"records with headers (Kafka 0.11)", kmsg.Produce.Int16(), 3},
		{"idempotent producers", kmsg.InitProducerID.Int16(), 0},
		{"transactions", kmsg.AddPartitionsToTxn.Int16(), 0},
		{"transactions", kmsg.EndTxn.Int16(), 0},
		{"fencing of offset commits by group membership (KIP-447, Kafka 2.5)", kmsg.TxnOffsetCommit.Int16(), 3},
		{"stable offset fetches (KIP-447, Kafka 2.5)", kmsg.OffsetFetch.Int16(), 7},
	}
}

// CheckFeatures asks every broker what it can do and fails, naming brokers
// and what they lack, when Belfry cannot keep its promises on them.
func CheckFeatures(ctx context.Context, cl *kgo.Client) error {
	brokers, err := kadm.NewClient(cl).ApiVersions(ctx)
	if err != nil {
		return fmt.Errorf("asking the brokers what they support: %w", err)
	}
	var refused []error
	var asked int
	for _, broker := range brokers.Sorted() {
		if broker.Err != nil {
			continue // down: it is asked when it leads something
		}
		asked++
		if missing := missingFeatures(broker); len(missing) > 0 {
			refused = append(refused, fmt.Errorf("broker %d (%s) lacks %s",
				broker.NodeID, broker.VersionGuess(), strings.Join(missing, " and ")))
		}
	}
	if asked == 0 {
		return errors.New("asking the brokers what they support: none answered")
	}
	if len(refused) > 0 {
		return fmt.Errorf("this Kafka is too old for Belfry, which needs 2.5 or later: %w", errors.Join(refused...))
	}
	return nil
}

func missingFeatures(broker kadm.BrokerApiVersions) []string {
	var missing []string
	for _, f := range features() {
		highest, ok := broker.KeyMaxVersion(f.key)
		if ok && highest >= f.version {
			continue
		}
		if len(missing) == 0 || missing[len(missing)-1] != f.name {
			missing = append(missing, f.name)
		}
	}
	return missing
}
