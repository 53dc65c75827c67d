package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
)

type tokenCmd struct {
	Create tokenCreateCmd `cmd:"" help:"Make a token and print it, this once."`
	List   tokenListCmd   `cmd:"" help:"List the tokens."`
	Revoke tokenRevokeCmd `cmd:"" help:"Revoke a token."`
}

type tokenCreateCmd struct {
	reachable
	answer
	Name    string            `arg:"" help:"Whose it is, or what it is for."`
	Role    string            `required:"" placeholder:"ROLE" help:"What may be done with it: viewer, operator, editor or admin."`
	Cluster []string          `placeholder:"NAME" help:"Only with jobs of these clusters."`
	Label   map[string]string `placeholder:"NAME=VALUE" help:"Only with jobs that have these labels."`
	Expires string            `default:"90d" placeholder:"TIME" help:"How long it is good, such as 12h or 90d; never sets no end."`
}

func (tokenCreateCmd) Help() string {
	return "A viewer reads; an operator also runs, pauses, cancels and requeues; an editor also writes jobs; an admin also makes tokens. " +
		"Servers know a token as soon as it is made. Nobody can print it again.\n\n" +
		"Examples:\n\n    belfry token create ann --role admin\n    belfry token create deploy --role editor --cluster cluster-a --label team=data --expires 30d"
}

// Run makes a token.
func (c *tokenCreateCmd) Run(ctx context.Context, s *session) error {
	role, err := access.ParseRole(c.Role)
	if err != nil {
		return usageError(fmt.Errorf("--role: %w", err))
	}
	t := access.Token{Name: c.Name, Role: role, Scope: access.Scope{Clusters: c.Cluster, Labels: c.Label}}
	lasts, err := lifetime(c.Expires)
	if err != nil {
		return usageError(err)
	}
	if lasts > 0 {
		t.EndsAt = time.Now().Add(lasts).UTC().Truncate(time.Second)
	}
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	t, text, err := k.makeToken(ctx, t)
	if err != nil {
		return told(err)
	}
	if c.Output == "json" {
		return s.asJSON(struct {
			access.Token
			Text string `json:"token"`
		}{t, text})
	}
	s.printf("%s\n", text)
	s.note("token %s of %s, %s%s, is good %s; it is not shown again", t.ID, t.Name, t.Role, limits(t.Scope), until(t.EndsAt))
	return nil
}

// lifetime reads 12h, 90d or never (0).
func lifetime(text string) (time.Duration, error) {
	if text == "never" {
		return 0, nil
	}
	const most = 3660 // days
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n <= most {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return d, nil
	}
	return 0, errors.New("--expires is a time such as 12h or 90d, or never")
}

func until(at time.Time) string {
	if at.IsZero() {
		return "without an end"
	}
	return "until " + when(at)
}

// limits says what a scope leaves.
func limits(s access.Scope) string {
	var parts []string
	if len(s.Clusters) > 0 {
		parts = append(parts, "of "+strings.Join(s.Clusters, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		parts = append(parts, "with "+name+"="+s.Labels[name])
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, " ")
}

type tokenListCmd struct {
	reachable
	answer
}

func (tokenListCmd) Help() string {
	return "Shows names, roles, scopes and ends; a token itself is shown once, when it is made.\n\n" +
		"Examples:\n\n    belfry token list"
}

// Run lists tokens.
func (c *tokenListCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	all, err := k.tokens(ctx)
	if err != nil {
		return err
	}
	for i := range all {
		all[i].Hash = ""
	}
	if c.Output == "json" {
		return s.asJSON(all)
	}
	t := newTable("TOKEN", "NAME…", "ROLE", "LIMITS…", "MADE", "BY…", "ENDS")
	for _, k := range all {
		ends := "never"
		if !k.EndsAt.IsZero() {
			ends = when(k.EndsAt)
		}
		t.add(k.ID, k.Name, string(k.Role), orDash(strings.TrimSpace(limits(k.Scope))), when(k.MadeAt), orDash(k.MadeBy), ends)
	}
	return s.table(t, "no tokens; \"belfry token create NAME --role ROLE\" makes one")
}

type tokenRevokeCmd struct {
	reachable
	ID string `arg:"" name:"token" help:"ID of the token, as \"belfry token list\" shows it."`
}

func (tokenRevokeCmd) Help() string {
	return "Servers refuse it as soon as they have read so, within seconds.\n\n" +
		"Examples:\n\n    belfry token revoke ID    # as `belfry token list` shows it"
}

// Run revokes a token.
func (c *tokenRevokeCmd) Run(ctx context.Context, s *session) error {
	k, err := c.way(ctx, s)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.revokeToken(ctx, c.ID); err != nil {
		return told(err)
	}
	s.printf("token %s is revoked\n", c.ID)
	return nil
}
