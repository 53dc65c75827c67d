package broker

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxPartitions is how many partitions a topic may have: the broker would
// make two thousand million of them, one after the other, and do nothing else.
const maxPartitions = 1000

func tooWide(partitions int32, listed int) bool {
	return partitions > maxPartitions || listed > maxPartitions
}

func wideMessage() *string {
	return new(fmt.Sprintf("a topic of the embedded broker may have %d partitions at most", maxPartitions))
}

// boundTopics answers for the broker if a topic would be too wide, else nil.
func boundTopics(request kmsg.Request) kmsg.Response {
	req := request.(*kmsg.CreateTopicsRequest)
	wide := false
	resp := req.ResponseKind().(*kmsg.CreateTopicsResponse)
	for _, t := range req.Topics {
		answer := kmsg.NewCreateTopicsResponseTopic()
		answer.Topic, answer.ErrorCode, answer.ErrorMessage = t.Topic, kerr.InvalidPartitions.Code, wideMessage()
		resp.Topics = append(resp.Topics, answer)
		wide = wide || tooWide(t.NumPartitions, len(t.ReplicaAssignment))
	}
	if !wide {
		return nil
	}
	return resp
}

// boundPartitions is boundTopics for topics that exist.
func boundPartitions(request kmsg.Request) kmsg.Response {
	req := request.(*kmsg.CreatePartitionsRequest)
	wide := false
	resp := req.ResponseKind().(*kmsg.CreatePartitionsResponse)
	for _, t := range req.Topics {
		answer := kmsg.NewCreatePartitionsResponseTopic()
		answer.Topic, answer.ErrorCode, answer.ErrorMessage = t.Topic, kerr.InvalidPartitions.Code, wideMessage()
		resp.Topics = append(resp.Topics, answer)
		wide = wide || tooWide(t.Count, len(t.Assignment))
	}
	if !wide {
		return nil
	}
	return resp
}
