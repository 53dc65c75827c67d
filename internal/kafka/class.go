package kafka

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"syscall"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Class is what kind of thing went wrong: few enough to be a metric's label,
// and what the caller decides by.
type Class string

// The classes. ClassNone is the class of no error.
const (
	ClassNone          Class = ""
	ClassFenced        Class = "fenced"        // another client took this identity over
	ClassTimeout       Class = "timeout"       // no answer in time; it may have happened or not
	ClassAuthorization Class = "authorization" // who we are, or what we may do
	ClassTopicGone     Class = "topic_gone"    // the topic was deleted or never made
	ClassUnreachable   Class = "unreachable"   // no broker that can serve answers
	ClassTooLarge      Class = "too_large"     // the record exceeds the topic's limit
	ClassClosed        Class = "closed"        // we stopped it ourselves
	ClassOther         Class = "other"
)

// Classes returns every class but ClassNone, for metrics that show zeros.
func Classes() []Class {
	return []Class{
		ClassFenced, ClassTimeout, ClassAuthorization, ClassTopicGone,
		ClassUnreachable, ClassTooLarge, ClassClosed, ClassOther,
	}
}

// Classify returns the class of an error of any client made by this package.
func Classify(err error) Class {
	if err == nil {
		return ClassNone
	}
	if code := new(kerr.Error); errors.As(err, &code) {
		return classOfCode(code)
	}
	var network net.Error
	switch {
	case errors.Is(err, kgo.ErrClientClosed), errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrAborting):
		return ClassClosed
	case errors.Is(err, kgo.ErrRecordTimeout), errors.Is(err, kgo.ErrRecordRetries), errors.Is(err, context.DeadlineExceeded):
		return ClassTimeout
	case errors.As(err, new(*fs.PathError)), errors.As(err, new(*os.LinkError)):
		return ClassOther // a file's error number has the methods of a network's
	case errors.As(err, new(*kgo.ErrFirstReadEOF)), errors.Is(err, syscall.ECONNREFUSED),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		return ClassUnreachable
	case errors.As(err, &network):
		if network.Timeout() {
			return ClassTimeout
		}
		return ClassUnreachable
	case kgo.IsRetryableBrokerErr(err):
		return ClassUnreachable
	}
	return ClassOther
}

func classOfCode(code *kerr.Error) Class {
	switch code {
	case kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping,
		kerr.TransactionCoordinatorFenced, kerr.FencedInstanceID, kerr.FencedMemberEpoch,
		kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.StaleMemberEpoch, kerr.InvalidTxnState:
		return ClassFenced
	case kerr.RequestTimedOut, kerr.NotEnoughReplicasAfterAppend, kerr.ConcurrentTransactions:
		return ClassTimeout
	case kerr.TopicAuthorizationFailed, kerr.GroupAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.SaslAuthenticationFailed,
		kerr.UnsupportedSaslMechanism, kerr.IllegalSaslState, kerr.SecurityDisabled:
		return ClassAuthorization
	case kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.InconsistentTopicID:
		return ClassTopicGone
	case kerr.MessageTooLarge, kerr.RecordListTooLarge:
		return ClassTooLarge
	case kerr.LeaderNotAvailable, kerr.NotLeaderForPartition, kerr.BrokerNotAvailable, kerr.ReplicaNotAvailable,
		kerr.NetworkException, kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.NotCoordinator,
		kerr.NotController, kerr.NotEnoughReplicas, kerr.KafkaStorageError, kerr.PreferredLeaderNotAvailable,
		kerr.OffsetNotAvailable:
		return ClassUnreachable
	}
	return ClassOther
}
