package gate

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
)

// The paths that Gate serves itself, or leaves open. LoginPath with GET is the
// login page (of package web); a form with the field "token" is posted there.
// LogoutPath takes a POST. OIDCPath with GET begins a login at the provider.
const (
	LoginPath    = "/login"
	LogoutPath   = "/logout"
	OIDCPath     = "/login/oidc"
	CallbackPath = "/login/oidc/callback"
	OncePath     = "/login/once"
	// OpenPrefix is where files lie that everybody gets: styles, scripts.
	OpenPrefix = "/static/"
	// APIPrefix is where programs are answered, with problem documents.
	APIPrefix = "/api/"
)

// Options say who is let in. A part that is nil or empty is not offered.
type Options struct {
	// Tokens are those that may be shown.
	Tokens *Tokens
	// OIDC is the provider that people log in with.
	OIDC *Provider
	// Local is whoever opens a one-time URL, made with Key. Such an installation
	// asks for no other login.
	Local *access.Principal
	// Key signs sessions and one-time URLs: 32 bytes that all servers behind one
	// name share.
	Key []byte
	// Hosts are names that requests may be for, beside localhost, and addresses
	// in digits: those no other page can take over.
	Hosts []string
	// Proxies are the addresses of those who say, in X-Forwarded-For and
	// X-Forwarded-Proto, whom they pass on. If there are any, nobody else but
	// this host may connect.
	Proxies []netip.Prefix
	// Encrypted says that people come over TLS, to this process or to a proxy.
	Encrypted bool
	// Port tells the cookies of installations on one host apart.
	Port string

	Now func() time.Time // time.Now, if nil
	Log *slog.Logger
}

// Logins say what a login page offers.
type Logins struct {
	// Token: a form with the field "token", posted to LoginPath with "next", the
	// path to go on to.
	Token bool
	// OIDC: a link to OIDCPath?next=…, named after the provider.
	OIDC     bool
	Provider string
	// Once: "belfry open" prints a URL that lets in.
	Once bool
}

// Gate lets requests through to handlers, with a principal.
type Gate struct {
	o        Options
	sessions *sessions
	once     *once
	origins  *http.CrossOriginProtection
	failures *limiter // by address
	requests *limiter // by principal
}

// New returns a gate.
func New(o Options) (*Gate, error) {
	if len(o.Key) < keyBytes {
		return nil, errors.New("the key of the sessions is too short: 32 bytes of chance")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gate{
		o: o, sessions: newSessions(o), once: newOnce(o.Key), origins: http.NewCrossOriginProtection(),
		failures: newLimiter(0.1, 10), requests: newLimiter(50, 200),
	}, nil
}

// Logins say what the login page offers.
func (g *Gate) Logins() Logins {
	l := Logins{Token: g.o.Tokens != nil, OIDC: g.o.OIDC != nil, Once: g.o.Local != nil}
	if l.OIDC {
		l.Provider = g.o.OIDC.Name()
	}
	return l
}

// Wrap returns a handler that passes on what has a principal, and what needs
// none: the login page and OpenPrefix.
func (g *Gate) Wrap(next http.Handler) http.Handler {
	own := http.NewServeMux()
	own.HandleFunc("POST "+LoginPath, g.login)
	own.HandleFunc("POST "+LogoutPath, g.logout)
	own.HandleFunc("GET "+OncePath, g.enter)
	if g.o.OIDC != nil {
		own.HandleFunc("GET "+OIDCPath, g.begin)
		own.HandleFunc("GET "+CallbackPath, g.callback)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		headers(w.Header(), g.o.Encrypted)
		from, err := g.place(r)
		if err != nil {
			refuse(w, r, err)
			return
		}
		if err := g.origins.Check(r); err != nil {
			refuse(w, r, &refusal{http.StatusForbidden, "the request came from a page of another site"})
			return
		}
		r = r.WithContext(withPlace(r.Context(), from))
		if _, pattern := own.Handler(r); pattern != "" {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			own.ServeHTTP(w, r)
			return
		}
		if open(r) {
			next.ServeHTTP(w, r)
			return
		}
		g.pass(w, r, from, next)
	})
}

// maxForm bounds the forms of logins, in bytes.
const maxForm = 16 << 10

// open reports whether everybody gets what is asked for.
func open(r *http.Request) bool {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	return reads && (r.URL.Path == LoginPath || strings.HasPrefix(r.URL.Path, OpenPrefix))
}

// pass passes a request on with its principal, if there is one.
func (g *Gate) pass(w http.ResponseWriter, r *http.Request, from place, next http.Handler) {
	p, err := g.principal(r, from)
	if err != nil {
		refuse(w, r, err)
		return
	}
	p.From = from.address
	if wait, ok := g.requests.take(string(p.Via)+" "+p.Name, g.o.Now()); !ok {
		refuse(w, r, &refusal{http.StatusTooManyRequests, "too many requests of " + p.Name + "; try again in " + seconds(w, wait)})
		return
	}
	next.ServeHTTP(w, r.WithContext(access.With(r.Context(), p)))
}

// principal finds out who asks. It returns a *refusal if that is nobody.
func (g *Gate) principal(r *http.Request, from place) (access.Principal, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		text, ok := strings.CutPrefix(header, "Bearer ")
		if !ok || g.o.Tokens == nil {
			return access.Principal{}, &refusal{http.StatusUnauthorized, "Authorization is Bearer and a token"}
		}
		t, err := g.token(strings.TrimSpace(text), from)
		if err != nil {
			return access.Principal{}, err
		}
		p := t.Principal()
		p.Via = access.API
		return p, nil
	}
	p, ok := g.sessions.principal(r, g.o.Now())
	if !ok {
		return access.Principal{}, &refusal{http.StatusUnauthorized, "nobody is logged in"}
	}
	return p, nil
}

// token returns the token whose text that is. Whoever mistyped too often waits.
func (g *Gate) token(text string, from place) (access.Token, error) {
	now := g.o.Now()
	if g.failures.empty(from.address, now) {
		return access.Token{}, g.tooOften()
	}
	t, ok := g.o.Tokens.Find(text, now)
	if !ok {
		g.failures.take(from.address, now)
		return access.Token{}, &refusal{http.StatusUnauthorized, access.ErrToken.Error()}
	}
	return t, nil
}

func (g *Gate) tooOften() error {
	return &refusal{http.StatusTooManyRequests, "too many failed logins from this address; try again in a minute"}
}

// headers are those of every answer.
func headers(h http.Header, encrypted bool) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	if encrypted {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}
