package api

import (
	"context"
	"net/http"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
)

type tokensOutput struct {
	Body struct {
		Tokens []TokenBody `json:"tokens"`
	}
}

// TokenBody is a token, without what it is.
type TokenBody struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Role   access.Role  `json:"role"`
	Scope  access.Scope `json:"scope,omitzero"`
	MadeAt time.Time    `json:"made_at"`
	MadeBy string       `json:"made_by,omitempty"`
	EndsAt time.Time    `json:"ends_at,omitzero"`
}

func shown(t access.Token) TokenBody {
	return TokenBody{ID: t.ID, Name: t.Name, Role: t.Role, Scope: t.Scope, MadeAt: t.MadeAt, MadeBy: t.MadeBy, EndsAt: t.EndsAt}
}

type makeInput struct {
	Body struct {
		Name   string       `json:"name" minLength:"1" maxLength:"100"`
		Role   string       `json:"role" enum:"viewer,operator,editor,admin"`
		Scope  access.Scope `json:"scope,omitzero" doc:"What the role is limited to."`
		EndsAt time.Time    `json:"ends_at,omitzero" doc:"When it ends; never, if it is not given."`
	}
}

type madeOutput struct {
	Body struct {
		TokenBody
		Token string `json:"token" doc:"Shown this once."`
	}
}

type tokenInput struct {
	ID string `path:"token" minLength:"1" maxLength:"64" doc:"ID of the token."`
}

func (s *server) tokens() {
	const tag = "Access"
	route(s, operation{
		id: "list-tokens", method: http.MethodGet, path: "/tokens", tag: tag, role: access.Admin,
		summary: "List the tokens that were not revoked",
	}, func(ctx context.Context, who access.Principal, _ *nothing) (*tokensOutput, error) {
		if err := who.MayAll(access.Admin); err != nil {
			return nil, err
		}
		all, err := s.Topics.Tokens(ctx)
		if err != nil {
			return nil, err
		}
		out := &tokensOutput{}
		out.Body.Tokens = []TokenBody{}
		for _, t := range all {
			out.Body.Tokens = append(out.Body.Tokens, shown(t))
		}
		return out, nil
	})
	route(s, operation{
		id: "create-token", method: http.MethodPost, path: "/tokens", tag: tag, role: access.Admin, status: http.StatusCreated,
		summary: "Make a token",
	}, func(ctx context.Context, who access.Principal, in *makeInput) (*madeOutput, error) {
		t, text, err := s.Steer.MakeToken(ctx, who, access.Token{
			Name: in.Body.Name, Role: access.Role(in.Body.Role), Scope: in.Body.Scope, EndsAt: in.Body.EndsAt,
		})
		if err != nil {
			return nil, err
		}
		out := &madeOutput{}
		out.Body.TokenBody, out.Body.Token = shown(t), text
		return out, nil
	})
	route(s, operation{
		id: "revoke-token", method: http.MethodDelete, path: "/tokens/{token}", tag: tag, role: access.Admin, status: http.StatusNoContent,
		summary: "Revoke a token", errors: []int{http.StatusNotFound}, about: "Sessions that began with it end.",
	}, func(ctx context.Context, who access.Principal, in *tokenInput) (*struct{}, error) {
		_, err := s.Steer.RevokeToken(ctx, who, in.ID)
		return nil, err
	})
}
