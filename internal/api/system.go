package api

import (
	"context"
	"net/http"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/member"
)

type nothing struct{}

type membersInput struct {
	All bool `query:"all" doc:"Those that are gone, too."`
}

type membersOutput struct{ Body member.Roster }

type shardsOutput struct {
	Body struct {
		Shards []shardBody `json:"shards"`
	}
}

type shardBody struct {
	Shard int32  `json:"shard"`
	Owner string `json:"owner,omitempty" doc:"The living scheduler that says it owns the shard; none: its jobs wait."`
}

type topicsOutput struct {
	Body struct {
		Topics []topicBody `json:"topics"`
	}
}

type topicBody struct {
	Name        string `json:"name"`
	Cluster     string `json:"cluster,omitempty"`
	Partitions  int32  `json:"partitions"`
	Replication int16  `json:"replication"`
	Offsets     int64  `json:"offsets" doc:"How many offsets it spans, markers and compacted records included."`
	Group       string `json:"group,omitempty" doc:"The workers' consumer group of a queue."`
	Waiting     int64  `json:"waiting,omitzero" doc:"How many runs of a queue are yet to be claimed."`
}

type progressOutput struct{ Body progressBody }

type progressBody struct {
	Version   string        `json:"version" doc:"Of this Belfry."`
	Ready     bool          `json:"ready" doc:"The read model holds all that stood in Kafka when the server began."`
	Done      int64         `json:"done" doc:"Of total records, so many are read."`
	Total     int64         `json:"total"`
	Behind    int64         `json:"behind" doc:"How many offsets the read model lacks now."`
	BehindFor time.Duration `json:"behind_for_ms" doc:"How old the first of them is."`
	Trouble   string        `json:"trouble,omitempty" doc:"Why the read model does not go on, if so."`
}

type unreadableOutput struct{ Body history.UnreadablePage }

type meOutput struct{ Body access.Principal }

func (s *server) system() {
	const tag = "System"
	route(s, operation{
		id: "list-members", method: http.MethodGet, path: "/members", tag: tag, role: access.Viewer,
		summary: "List schedulers and workers, and who owns what",
	}, func(ctx context.Context, _ access.Principal, in *membersInput) (*membersOutput, error) {
		all, err := s.History.Members(ctx, s.Now())
		if err != nil || in.All {
			return &membersOutput{all}, err
		}
		kept := all.Members[:0]
		for _, m := range all.Members {
			if m.Status != member.StatusGone && m.Status != member.StatusLeft {
				kept = append(kept, m)
			}
		}
		all.Members = kept
		return &membersOutput{all}, nil
	})
	route(s, operation{
		id: "list-shards", method: http.MethodGet, path: "/shards", tag: tag, role: access.Viewer,
		summary: "List the shards and their owners",
	}, s.shards)
	route(s, operation{
		id: "list-topics", method: http.MethodGet, path: "/topics", tag: tag, role: access.Viewer,
		summary: "List Belfry's topics in Kafka, and what waits in them",
	}, s.topics)
	route(s, operation{
		id: "get-progress", method: http.MethodGet, path: "/progress", tag: tag, role: access.Viewer,
		summary: "Say how far the read model has come",
	}, func(context.Context, access.Principal, *nothing) (*progressOutput, error) {
		p := s.Tail.Progress()
		return &progressOutput{progressBody{
			Version: s.Version, Ready: p.Ready, Done: p.Done, Total: p.Total, Behind: p.Behind, BehindFor: p.BehindFor, Trouble: p.Trouble,
		}}, nil
	})
	route(s, operation{
		id: "list-unreadable", method: http.MethodGet, path: "/unreadable", tag: tag, role: access.Viewer,
		summary: "List records that could not be read",
	}, func(ctx context.Context, _ access.Principal, _ *nothing) (*unreadableOutput, error) {
		all, err := s.History.Unreadable(ctx)
		return &unreadableOutput{all}, err
	})
	route(s, operation{
		id: "get-me", method: http.MethodGet, path: "/me", tag: "Access", role: access.Viewer,
		summary: "Say who asks, and what they may do",
	}, func(_ context.Context, who access.Principal, _ *nothing) (*meOutput, error) {
		return &meOutput{who}, nil
	})
}

func (s *server) shards(ctx context.Context, _ access.Principal, _ *nothing) (*shardsOutput, error) {
	all, err := s.History.Members(ctx, s.Now())
	if err != nil {
		return nil, err
	}
	owners := map[int32]string{}
	for i := range all.Members {
		m := &all.Members[i]
		if m.Role != member.RoleScheduler || m.Status == member.StatusGone || m.Status == member.StatusLeft {
			continue
		}
		for _, shard := range m.Shards {
			owners[shard] = m.ID
		}
	}
	out := &shardsOutput{}
	for shard := range s.Topics.Shards {
		out.Body.Shards = append(out.Body.Shards, shardBody{shard, owners[shard]})
	}
	return out, nil
}

func (s *server) topics(ctx context.Context, _ access.Principal, _ *nothing) (*topicsOutput, error) {
	all, err := s.Admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	out := &topicsOutput{}
	out.Body.Topics = []topicBody{}
	for _, t := range all {
		out.Body.Topics = append(out.Body.Topics, topicBody(t))
	}
	return out, nil
}
