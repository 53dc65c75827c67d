package steer

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/audit"
	"github.com/belfry-cron/belfry/internal/job"
	"github.com/belfry-cron/belfry/internal/topic"
)

// MakeToken makes a token of the name, role, scope and end that t has, and
// returns its text, which is kept nowhere. It returns an *InvalidError or an
// *access.DeniedError: only an admin without a limit may.
func (s *Steer) MakeToken(ctx context.Context, who access.Principal, t access.Token) (access.Token, string, error) {
	if err := who.MayAll(access.Admin); err != nil {
		return access.Token{}, "", err
	}
	var chance [access.TokenBytes]byte
	_, _ = rand.Read(chance[:]) // never fails
	t.MadeAt, t.MadeBy = s.instant(), who.Name
	t, text, err := access.NewToken(t, chance)
	if err != nil {
		return access.Token{}, "", &InvalidError{Problems: job.Problems{{Message: err.Error()}}}
	}
	have, err := s.topics.Tokens(ctx)
	if err != nil {
		return access.Token{}, "", err
	}
	if len(have) >= access.MaxTokens {
		return access.Token{}, "", &InvalidError{Problems: job.Problems{{
			Message: fmt.Sprintf("there are %d tokens already", len(have)), Hint: "revoke some",
		}}}
	}
	value, err := topic.EncodeToken(t)
	if err != nil {
		return access.Token{}, "", fmt.Errorf("encoding the token: %w", err)
	}
	return t, text, s.writeToken(ctx, who, audit.TokenMake, t, value)
}

// RevokeToken ends a token. It returns an *access.NoTokenError or an
// *access.DeniedError.
func (s *Steer) RevokeToken(ctx context.Context, who access.Principal, id string) (access.Token, error) {
	if err := who.MayAll(access.Admin); err != nil {
		return access.Token{}, err
	}
	have, err := s.topics.Tokens(ctx)
	if err != nil {
		return access.Token{}, err
	}
	for _, t := range have {
		if t.ID == id {
			return t, s.writeToken(ctx, who, audit.TokenRevoke, t, nil)
		}
	}
	return access.Token{}, &access.NoTokenError{ID: id}
}

// writeToken writes a token, or its end, and notes who did.
func (s *Steer) writeToken(ctx context.Context, who access.Principal, action audit.Action, t access.Token, value []byte) error {
	t.Hash = ""
	shown, err := topic.Marshal(t)
	if err != nil {
		return fmt.Errorf("encoding the token for the audit: %w", err)
	}
	note := audit.Record{Action: action, After: shown}
	if value == nil {
		note.Before, note.After = shown, nil
	}
	noted, err := s.noted(who, s.instant(), note)
	if err != nil {
		return err
	}
	return s.write(ctx, &kgo.Record{Topic: s.topics.Names.Access(), Key: []byte(t.ID), Value: value}, noted)
}
