package gate

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/example/server/storage"
	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/belfry-cron/belfry/internal/access"
)

// provider is a real OIDC provider in the test's process.
type provider struct {
	*storage.Storage
	server *httptest.Server

	mu     sync.Mutex
	keys   []*rsa.PrivateKey // the last one signs
	hidden bool              // the last one is not published
}

// signing is a key of the provider.
type signing struct {
	id  string
	key *rsa.PrivateKey
}

func (s *signing) SignatureAlgorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (s *signing) Key() any                                    { return s.key }
func (s *signing) ID() string                                  { return s.id }

// published is its public half.
type published struct{ signing }

func (p *published) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p *published) Use() string                        { return "sig" }
func (p *published) Key() any                           { return &p.key.PublicKey }

func (p *provider) SigningKey(context.Context) (op.SigningKey, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.keys) - 1
	return &signing{string(rune('a' + n)), p.keys[n]}, nil
}

func (p *provider) KeySet(context.Context) ([]op.Key, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.keys) - 1
	if p.hidden {
		n--
	}
	return []op.Key{&published{signing{string(rune('a' + n)), p.keys[n]}}}, nil
}

// rotate makes the provider sign with a new key.
func (p *provider) rotate(t *testing.T) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys = append(p.keys, key)
}

// newProvider returns a provider with two clients, and a gate that logs people
// in there.
func newProvider(t *testing.T, o OIDC) (*provider, *world) {
	t.Helper()
	p := &provider{}
	p.rotate(t)
	var handler http.Handler
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(p.server.Close)

	w := newWorld(t, Options{})
	redirect := w.server.URL + CallbackPath
	p.Storage = storage.NewStorageWithClients(storage.NewUserStore(p.server.URL), map[string]*storage.Client{
		"belfry": storage.WebClient("belfry", "secret", redirect),
		"other":  storage.WebClient("other", "secret", redirect),
	})
	made, err := op.NewProvider(&op.Config{CryptoKey: [32]byte{1}, CodeMethodS256: true, AuthMethodPost: true},
		p, op.StaticIssuer(p.server.URL), op.WithAllowInsecure(), op.WithLogger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	handler = made

	o.Issuer, o.ClientID, o.ClientSecret, o.Redirect = p.server.URL, "belfry", "secret", redirect
	if o.NameClaim == "" {
		o.NameClaim, o.GroupsClaim = "email", "groups"
	}
	w.now = time.Now()
	o.Now = func() time.Time { return w.now }
	found, err := Discover(t.Context(), o)
	require.NoError(t, err)
	again, err := New(Options{Key: make([]byte, keyBytes), OIDC: found, Now: o.Now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	w.server.Config.Handler = again.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who := access.Of(r.Context())
		_, _ = io.WriteString(w, who.Name+" "+string(who.Role))
	}))
	w.gate = again
	return p, w
}

// visit begins a login and returns where the provider sends the browser back to.
func (p *provider) visit(w *world) string {
	w.t.Helper()
	status, to, body := w.ask("GET", OIDCPath+"?next=/jobs", nil)
	require.Equal(w.t, http.StatusSeeOther, status, body)
	follow := func(to string) string {
		r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, to, nil)
		require.NoError(w.t, err)
		answer, err := w.browser.Do(r)
		require.NoError(w.t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(w.t, errors.Join(err, answer.Body.Close()))
		require.Equal(w.t, http.StatusFound, answer.StatusCode, string(body))
		return answer.Header.Get("Location")
	}
	at, err := url.Parse(follow(to))
	require.NoError(w.t, err)
	id := at.Query().Get("authRequestID")
	require.NoError(w.t, p.CheckUsernamePassword("test-user@127.0.0.1", "verysecure", id))
	back, err := url.Parse(follow(p.server.URL + "/authorize/callback?id=" + id))
	require.NoError(w.t, err)
	return back.RequestURI()
}

var everybody = []Grant{{Group: "*", Role: access.Operator}}

func TestPeopleLogInAtTheProvider(t *testing.T) {
	p, w := newProvider(t, OIDC{Grants: everybody})
	back := p.visit(w)
	status, to, body := w.ask("GET", back, nil)
	require.Equal(t, http.StatusSeeOther, status, body)
	require.Equal(t, "/jobs", to)
	_, _, body = w.ask("GET", "/jobs", nil)
	require.Equal(t, "test-user@zitadel.ch operator", body)
}

func TestAnAnswerCountsOnce(t *testing.T) {
	p, w := newProvider(t, OIDC{Grants: everybody})
	origin, err := url.Parse(w.server.URL)
	require.NoError(t, err)
	back := p.visit(w)
	before := w.browser.Jar.Cookies(origin)
	status, _, _ := w.ask("GET", back, nil)
	require.Equal(t, http.StatusSeeOther, status)
	w.browser.Jar.SetCookies(origin, before)
	status, _, body := w.ask("GET", back, nil)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "answered before")

	status, _, body = w.ask("GET", p.visit(w)+"x", nil) // the state comes last
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "belongs to another")

	late := p.visit(w)
	w.now = w.now.Add(loginFor)
	status, _, body = w.ask("GET", late, nil)
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "took too long")
}

// TestIDTokensAreChecked: one that has ended, for another client, for another
// login, or signed with a key that is not published.
func TestIDTokensAreChecked(t *testing.T) {
	p, w := newProvider(t, OIDC{Grants: everybody})
	o := w.gate.o.OIDC
	refused := func(why string) {
		t.Helper()
		a := &attempt{Nonce: "n", Verifier: "v"}
		back, err := url.Parse(p.visit(w))
		require.NoError(t, err)
		cookie, err := (&http.Request{Header: http.Header{"Cookie": {w.browser.Jar.Cookies(mustURL(t, w.server.URL))[0].String()}}}).Cookie("belfry-oidc")
		require.NoError(t, err)
		payload, err := opened(derived(w.gate.o.Key, "oidc"), cookie.Value)
		require.NoError(t, err)
		require.NoError(t, unmarshal(payload, a))
		if why == "another login" {
			a.Nonce = "another"
		}
		_, err = o.exchange(t.Context(), back.Query().Get("code"), a)
		require.ErrorContains(t, err, why)
		w.browser.Jar.SetCookies(mustURL(t, w.server.URL), []*http.Cookie{{Name: "belfry-oidc", MaxAge: -1, Path: "/"}})
	}
	good := o.verifier
	o.verifier = o.provider.Verifier(&coreos.Config{ClientID: "belfry", Now: func() time.Time { return time.Now().Add(48 * time.Hour) }})
	refused("expired")
	o.verifier = o.provider.Verifier(&coreos.Config{ClientID: "other"})
	refused("audience")
	o.verifier = good
	refused("another login")
	p.rotate(t)
	p.hidden = true
	refused("verify signature")
	p.hidden = false
	status, _, body := w.ask("GET", p.visit(w), nil)
	require.Equal(t, http.StatusSeeOther, status, "a new key is found: %s", body)
}

func TestGroupsGrantRoles(t *testing.T) {
	o := &Provider{o: OIDC{NameClaim: "email", GroupsClaim: "groups", Grants: []Grant{
		{Group: "ops", Role: access.Admin},
		{Group: "data", Role: access.Editor, Scope: access.Scope{Clusters: []string{"cluster-a"}}},
	}}}
	claims := func(groups any) map[string]any { return map[string]any{"email": "ann@example.org", "groups": groups} }
	who, err := o.principal("id1", claims([]any{"data", "ops"}))
	require.NoError(t, err)
	require.Equal(t, access.Principal{Name: "ann@example.org", Role: access.Admin}, who, "the first grant counts")
	who, err = o.principal("id1", claims("data"))
	require.NoError(t, err)
	require.Equal(t, []string{"cluster-a"}, who.Scope.Clusters)
	_, err = o.principal("id1", claims([]any{"*", 7, "op"}))
	require.ErrorContains(t, err, "in no group")
	unverified := claims("ops")
	unverified["email_verified"] = false
	_, err = o.principal("id1", unverified)
	require.ErrorContains(t, err, "did not verify")
}

func mustURL(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	require.NoError(t, err)
	return u
}

func unmarshal(payload []byte, into any) error { return json.Unmarshal(payload, into) }
