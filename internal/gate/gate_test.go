package gate

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/topic"
)

// world is a gate in front of a handler that says who asks, and a browser.
type world struct {
	t       *testing.T
	gate    *Gate
	server  *httptest.Server
	browser *http.Client
	now     time.Time
}

func newWorld(t *testing.T, o Options) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 29, 2, 0, 0, 0, time.UTC)}
	if o.Key == nil {
		o.Key = make([]byte, keyBytes)
	}
	o.Now, o.Log = func() time.Time { return w.now }, slog.New(slog.DiscardHandler)
	var err error
	w.gate, err = New(o)
	require.NoError(t, err)
	w.server = httptest.NewServer(w.gate.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := access.Of(r.Context())
		_, _ = io.WriteString(w, p.Name+" "+string(p.Role)+" "+string(p.Via)+" "+p.From)
	})))
	t.Cleanup(w.server.Close)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	w.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return w
}

// ask sends a request with headers "Name: value", and returns status, location
// and body.
func (w *world) ask(method, path string, form url.Values, headers ...string) (int, string, string) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	answer, err := w.browser.Do(r)
	require.NoError(w.t, err)
	defer func() { require.NoError(w.t, answer.Body.Close()) }()
	body, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	return answer.StatusCode, answer.Header.Get("Location"), string(body)
}

// token makes one that the gate knows.
func (w *world) token(t access.Token) (access.Token, string) {
	w.t.Helper()
	var chance [access.TokenBytes]byte
	copy(chance[:], t.Name)
	t.MadeAt = w.now
	t, text, err := access.NewToken(t, chance)
	require.NoError(w.t, err)
	value, err := topic.EncodeToken(t)
	require.NoError(w.t, err)
	w.gate.o.Tokens.fold(t.ID, value)
	return t, text
}

func TestTokensAreShown(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens()})
	one, text := w.token(access.Token{Name: "ci", Role: access.Operator, EndsAt: w.now.Add(time.Hour)})

	status, _, body := w.ask("GET", "/api/v1/jobs", nil)
	require.Equal(t, http.StatusUnauthorized, status)
	require.Contains(t, body, `"status":401`)
	status, _, body = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "token:ci operator api 127.0.0.1", body)
	for _, wrong := range []string{"Bearer " + text[:len(text)-1] + "-", "Basic " + text, "Bearer ", "Bearer belfry_" + one.ID + "_", "Bearer " + strings.Repeat("x", 4000)} {
		status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: "+wrong)
		require.Equal(t, http.StatusUnauthorized, status, wrong)
	}

	w.now = w.now.Add(time.Hour)
	status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text)
	require.Equal(t, http.StatusUnauthorized, status, "it has ended")
	w.now = w.now.Add(-time.Minute)
	w.gate.o.Tokens.fold(one.ID, nil)
	status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text)
	require.Equal(t, http.StatusUnauthorized, status, "it was revoked")
}

// TestASessionEndsWithItsToken: in time, by logging out, and with the token.
func TestASessionEndsWithItsToken(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens()})
	one, text := w.token(access.Token{Name: "ann", Role: access.Viewer})
	status, to, _ := w.ask("GET", "/jobs?q=a", nil)
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "/login?next=%2Fjobs%3Fq%3Da", to)

	enter := func() {
		status, to, _ := w.ask("POST", "/login", url.Values{"token": {text}, "next": {"/jobs?q=a"}})
		require.Equal(t, http.StatusSeeOther, status)
		require.Equal(t, "/jobs?q=a", to)
	}
	inside := func() bool {
		status, _, body := w.ask("GET", "/jobs", nil)
		require.True(t, status != http.StatusOK || strings.HasPrefix(body, "token:ann viewer web"), body)
		return status == http.StatusOK
	}
	enter()
	require.True(t, inside())
	_, _, body := w.ask("GET", "/api/v1/events", nil)
	require.Contains(t, body, "viewer api")

	w.now = w.now.Add(sessionFor)
	require.False(t, inside())
	enter()
	require.True(t, inside())
	w.ask("POST", "/logout", nil)
	require.False(t, inside())
	enter()
	w.gate.o.Tokens.fold(one.ID, nil)
	require.False(t, inside())
}

func TestACookieCannotBeMade(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens()})
	forged := httptest.NewRecorder()
	other := newSessions(Options{Key: []byte(strings.Repeat("k", keyBytes))})
	require.NoError(t, other.begin(forged, session{Name: "eve", Role: access.Admin, Ends: w.now.Add(time.Hour)}, w.now))
	cookie := forged.Result().Cookies()[0]
	for _, value := range []string{cookie.Value, "", ".", "e30.e30", strings.SplitN(cookie.Value, ".", 2)[0] + "."} {
		status, _, _ := w.ask("GET", "/api/v1/jobs", nil, "Cookie: belfry="+value)
		require.Equal(t, http.StatusUnauthorized, status)
	}
	require.True(t, cookie.HttpOnly)
	require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
	require.True(t, newSessions(Options{Key: w.gate.o.Key, Encrypted: true}).cookie("", 1).Secure)
}

func TestAOneTimeURLLetsInOnce(t *testing.T) {
	key := []byte(strings.Repeat("s", keyBytes))
	w := newWorld(t, Options{Key: key, Local: &access.Principal{Name: "ann@laptop", Role: access.Admin}})
	enter := func(at string) (int, string) {
		w.browser.Jar, _ = cookiejar.New(nil)
		status, _, _ := w.ask("GET", strings.TrimPrefix(at, w.server.URL), nil)
		_, _, body := w.ask("GET", "/", nil)
		return status, body
	}
	at := OnceURL(w.server.URL, key, w.now)
	status, body := enter(at)
	require.Equal(t, http.StatusSeeOther, status)
	require.Equal(t, "ann@laptop admin web 127.0.0.1", body)
	status, body = enter(at)
	require.Equal(t, http.StatusForbidden, status, "the second time")
	require.NotContains(t, body, "admin")
	for _, bad := range []string{
		OnceURL(w.server.URL, key, w.now.Add(-onceFor)),
		OnceURL(w.server.URL, []byte(strings.Repeat("t", keyBytes)), w.now),
		OncePath + "?code=", OncePath,
	} {
		status, _ = enter(bad)
		require.Equal(t, http.StatusForbidden, status, bad)
	}
	status, _ = enter(OnceURL(w.server.URL, key, w.now))
	require.Equal(t, http.StatusSeeOther, status)
	status, _, _ = w.ask("POST", "/login", url.Values{"token": {"x"}})
	require.Equal(t, http.StatusNotFound, status, "no tokens here")
}

// TestOtherHostsAndOriginsAreRefused: a page of another site can neither take a
// name for this server, nor let a browser act for somebody.
func TestOtherHostsAndOriginsAreRefused(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens(), Hosts: []string{"belfry.example.org"}})
	_, text := w.token(access.Token{Name: "ann", Role: access.Admin})
	bearer := "Authorization: Bearer " + text
	for host, want := range map[string]int{
		"localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200, "192.0.2.7:80": 200, "BELFRY.example.org.": 200,
		"evil.example": 421, "localhost.evil.example": 421, "belfry.example.org.evil.example": 421, "127.0.0.1.nip.example": 421,
	} {
		status, _, _ := w.ask("GET", "/api/v1/jobs", nil, bearer, "Host: "+host)
		require.Equal(t, want, status, host)
	}
	for _, c := range []struct {
		method  string
		headers []string
		want    int
	}{
		{"POST", nil, 200}, // no browser
		{"POST", []string{"Sec-Fetch-Site: same-origin"}, 200},
		{"POST", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"DELETE", []string{"Sec-Fetch-Site: same-site"}, 403},
		{"POST", []string{"Origin: https://evil.example"}, 403},
		{"POST", []string{"Origin: null"}, 403},
		{"POST", []string{"Origin: http://belfry.example.org", "Host: belfry.example.org"}, 200},
		{"GET", []string{"Sec-Fetch-Site: cross-site"}, 200},
	} {
		status, _, _ := w.ask(c.method, "/api/v1/jobs", nil, append(c.headers, bearer)...)
		require.Equal(t, c.want, status, "%v", c)
	}
	status, _, _ := w.ask("POST", "/login", url.Values{"token": {text}}, "Sec-Fetch-Site: cross-site")
	require.Equal(t, http.StatusForbidden, status, "nor may it log somebody in")
}

func TestNobodyIsSentElsewhere(t *testing.T) {
	for next, want := range map[string]string{
		"/jobs?q=%2F": "/jobs?q=%2F", "": "/", "jobs": "/", "//evil.example": "/", `/\evil.example`: "/",
		"https://evil.example/": "/", "/\tx": "/", "javascript:alert(1)": "/", "/%0d%0aX: y": "/%0d%0aX: y",
	} {
		require.Equal(t, want, local(next), next)
	}
}

func TestFailedLoginsAreThrottled(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens()})
	_, text := w.token(access.Token{Name: "ann", Role: access.Viewer})
	var last int
	for range 11 {
		last, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer x")
	}
	require.Equal(t, http.StatusTooManyRequests, last)
	status, _, _ := w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text)
	require.Equal(t, http.StatusTooManyRequests, status, "else the right guess would be heard")
	w.now = w.now.Add(10 * time.Second)
	status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text)
	require.Equal(t, http.StatusOK, status)
}

func TestRequestsAreLimitedPerPrincipal(t *testing.T) {
	w := newWorld(t, Options{Tokens: NewTokens()})
	_, ann := w.token(access.Token{Name: "ann", Role: access.Viewer})
	_, bob := w.token(access.Token{Name: "bob", Role: access.Viewer})
	status := 0
	for range 201 {
		status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+ann)
	}
	require.Equal(t, http.StatusTooManyRequests, status)
	status, _, _ = w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+bob)
	require.Equal(t, http.StatusOK, status)
}

func TestALimiterForgetsTheLeastUsed(t *testing.T) {
	l, now := newLimiter(1, 1), time.Unix(0, 0)
	for i := range maxKeys + 5 {
		_, ok := l.take(string(rune(i)), now)
		require.True(t, ok)
	}
	require.Len(t, l.keys, maxKeys)
	require.Equal(t, maxKeys, l.used.Len())
}

func TestAProxyIsBelieved(t *testing.T) {
	prefixes := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	w := newWorld(t, Options{Tokens: NewTokens(), Proxies: prefixes})
	_, text := w.token(access.Token{Name: "ann", Role: access.Viewer})
	for header, want := range map[string]string{
		"198.51.100.4":                       "198.51.100.4",
		"1.2.3.4, 198.51.100.4, 10.0.0.9":    "198.51.100.4",
		"":                                   "127.0.0.1",
		"nonsense":                           "127.0.0.1",
		"10.0.0.9":                           "10.0.0.9",
		"6.6.6.6, nonsense, ::ffff:10.0.0.8": "10.0.0.8",
	} {
		_, _, body := w.ask("GET", "/api/v1/jobs", nil, "Authorization: Bearer "+text, "X-Forwarded-For: "+header)
		require.Equal(t, "token:ann viewer api "+want, body, header)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = "203.0.113.5:4711"
	r.Host = "localhost"
	_, err := w.gate.place(r)
	require.ErrorContains(t, err, "proxy only")
}
