package gate

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-json-experiment/json"
	"golang.org/x/oauth2"

	"github.com/belfry-cron/belfry/internal/access"
)

const (
	// loginFor is how long somebody may take to log in at the provider.
	loginFor = 10 * time.Minute
	// providerWait bounds a question to the provider.
	providerWait = 15 * time.Second
	// maxStates bounds the logins that are known to have ended.
	maxStates = 10_000
)

// Grant is what the members of a group may do.
type Grant struct {
	// Group is a value of the groups claim, or "*" for everybody who logs in.
	Group string
	Role  access.Role
	Scope access.Scope
}

// OIDC says at which provider people log in.
type OIDC struct {
	Issuer, ClientID, ClientSecret string
	// Redirect is this server's CallbackPath, as the provider knows it.
	Redirect string
	// NameClaim names a person, as "email", GroupsClaim the groups.
	NameClaim, GroupsClaim string
	// Grants are asked in order: the first that has one of a person's groups
	// counts, and without one nobody is let in.
	Grants []Grant
	Now    func() time.Time // time.Now, if nil
}

// Provider is a provider whose documents were read.
type Provider struct {
	o        OIDC
	provider *oidc.Provider
	verifier *oidc.IDTokenVerifier
	oauth    oauth2.Config

	mu    sync.Mutex
	ended map[string]time.Time // states of logins that ended, and until when
}

// Discover reads what the provider says of itself.
func Discover(ctx context.Context, o OIDC) (*Provider, error) {
	// The provider keeps the context, to read its keys with: only this wait ends.
	kept := context.WithoutCancel(ctx)
	kept = oidc.ClientContext(kept, &http.Client{Timeout: providerWait})
	p, err := oidc.NewProvider(kept, o.Issuer)
	if err != nil {
		return nil, fmt.Errorf("reading what the OIDC provider %s says of itself: %w", o.Issuer, err)
	}
	return &Provider{
		o: o, provider: p, ended: map[string]time.Time{},
		verifier: p.VerifierContext(kept, &oidc.Config{ClientID: o.ClientID, Now: o.Now}),
		oauth: oauth2.Config{
			ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.Redirect,
			Scopes: []string{oidc.ScopeOpenID, "profile", "email"},
		},
	}, nil
}

// Name is how people know the provider.
func (p *Provider) Name() string { return p.o.Issuer }

// attempt is a login that began, kept in a cookie.
type attempt struct {
	State    string    `json:"s"`
	Nonce    string    `json:"n"`
	Verifier string    `json:"v"`
	Next     string    `json:"t"`
	Ends     time.Time `json:"e"`
}

// begin sends a person to the provider.
func (g *Gate) begin(w http.ResponseWriter, r *http.Request) {
	a := attempt{
		State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(),
		Next: local(r.URL.Query().Get("next")), Ends: g.o.Now().Add(loginFor),
	}
	payload, err := json.Marshal(a)
	if err != nil {
		refuse(w, r, err)
		return
	}
	value := signed(derived(g.o.Key, "oidc"), payload)
	if len(value) > maxCookie {
		refuse(w, r, &refusal{http.StatusBadRequest, "next is too long"})
		return
	}
	http.SetCookie(w, g.attemptCookie(value, int(loginFor.Seconds())))
	to := g.o.OIDC.oauth.AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier))
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (g *Gate) attemptCookie(value string, age int) *http.Cookie {
	c := g.sessions.cookie(value, age)
	c.Name += "-oidc"
	return c
}

// callback begins the session of a person whom the provider sent back.
func (g *Gate) callback(w http.ResponseWriter, r *http.Request) {
	from := placeOf(r)
	if g.failures.empty(from.address, g.o.Now()) {
		refuse(w, r, g.tooOften())
		return
	}
	http.SetCookie(w, g.attemptCookie("", -1))
	p, next, err := g.returned(r)
	if err != nil {
		g.failures.take(from.address, g.o.Now())
		g.o.Log.Warn("a login failed", "from", from.address, "why", err)
		if !errors.As(err, new(*refusal)) {
			err = &refusal{http.StatusForbidden, "the login failed; the log of the server says why"}
		}
		refuse(w, r, err)
		return
	}
	g.let(w, r, session{Name: p.Name, Role: p.Role, Scope: p.Scope, Ends: g.o.Now().Add(sessionFor)}, next)
}

// returned says who came back from the provider, and where they want to go on.
func (g *Gate) returned(r *http.Request) (access.Principal, string, error) {
	var a attempt
	c, err := r.Cookie(g.attemptCookie("", 0).Name)
	if err == nil {
		var payload []byte
		if payload, err = opened(derived(g.o.Key, "oidc"), c.Value); err == nil {
			err = json.Unmarshal(payload, &a)
		}
	}
	now, q := g.o.Now(), r.URL.Query()
	switch {
	case err != nil || !now.Before(a.Ends):
		return access.Principal{}, "", &refusal{http.StatusForbidden, "this login was not begun here, or took too long; begin again"}
	case subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(a.State)) != 1 || !g.o.OIDC.once(a.State, a.Ends, now):
		return access.Principal{}, "", &refusal{http.StatusForbidden, "this login was answered before, or the answer belongs to another; begin again"}
	case q.Get("error") != "":
		return access.Principal{}, "", &refusal{http.StatusForbidden, "the provider says: " + clipped(q.Get("error")+" "+q.Get("error_description"))}
	}
	p, err := g.o.OIDC.exchange(r.Context(), q.Get("code"), &a)
	return p, a.Next, err
}

// once reports whether the state of a login is seen for the first time.
func (p *Provider) once(state string, ends, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for s, ends := range p.ended {
		if !now.Before(ends) {
			delete(p.ended, s)
		}
	}
	if _, again := p.ended[state]; again || len(p.ended) >= maxStates {
		return false
	}
	p.ended[state] = ends
	return true
}

// exchange takes the code to the provider and says who it stands for.
func (p *Provider) exchange(ctx context.Context, code string, a *attempt) (access.Principal, error) {
	ctx, cancel := context.WithTimeout(ctx, providerWait)
	defer cancel()
	t, err := p.oauth.Exchange(ctx, code, oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return access.Principal{}, fmt.Errorf("exchanging the code: %w", err)
	}
	raw, _ := t.Extra("id_token").(string)
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return access.Principal{}, fmt.Errorf("checking the ID token: %w", err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) != 1 {
		return access.Principal{}, errors.New("the ID token is for another login")
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return access.Principal{}, fmt.Errorf("reading the claims: %w", err)
	}
	if err := p.askMore(ctx, id.Subject, t, claims); err != nil {
		return access.Principal{}, err
	}
	return p.principal(id.Subject, claims)
}

// askMore adds the claims that the provider leaves out of ID tokens, and tells
// to whoever asks.
func (p *Provider) askMore(ctx context.Context, subject string, t *oauth2.Token, claims map[string]any) error {
	_, named := claims[p.o.NameClaim]
	_, grouped := claims[p.o.GroupsClaim]
	if named && grouped || p.provider.UserInfoEndpoint() == "" {
		return nil
	}
	info, err := p.provider.UserInfo(ctx, oauth2.StaticTokenSource(t))
	if err != nil {
		return fmt.Errorf("asking the provider who it is: %w", err)
	}
	if info.Subject != subject {
		return errors.New("the provider speaks of somebody else")
	}
	more := map[string]any{}
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("reading the claims: %w", err)
	}
	for name, value := range more {
		if _, has := claims[name]; !has {
			claims[name] = value
		}
	}
	return nil
}

// principal is whom the claims make of a person.
func (p *Provider) principal(subject string, claims map[string]any) (access.Principal, error) {
	name, _ := claims[p.o.NameClaim].(string)
	if name == "" {
		name = subject
	}
	if verified, said := claims["email_verified"].(bool); p.o.NameClaim == "email" && said && !verified {
		return access.Principal{}, &refusal{http.StatusForbidden, "the provider did not verify the address of " + clipped(name)}
	}
	groups := []string{"*"}
	switch value := claims[p.o.GroupsClaim].(type) {
	case string:
		groups = append(groups, value)
	case []any:
		for _, g := range value {
			if text, ok := g.(string); ok {
				groups = append(groups, text)
			}
		}
	}
	for _, grant := range p.o.Grants {
		if slices.Contains(groups, grant.Group) {
			return access.Principal{Name: clipped(name), Role: grant.Role, Scope: grant.Scope}, nil
		}
	}
	return access.Principal{}, &refusal{http.StatusForbidden, clipped(name) + " is in no group that may do anything here"}
}

func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
