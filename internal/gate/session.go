package gate

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/access"
)

const (
	keyBytes = 32

	// sessionFor is how long a session lasts, localFor one of "up".
	sessionFor = 12 * time.Hour
	localFor   = 30 * 24 * time.Hour
	// maxCookie bounds what a browser surely keeps.
	maxCookie = 3900
)

// session is what a cookie holds. Whoever has the key can read nothing secret in
// it, and nobody else can write one.
type session struct {
	Name  string       `json:"n"`
	Role  access.Role  `json:"r"`
	Scope access.Scope `json:"s,omitzero"`
	// Token is the ID of the token that was shown: the session ends with it.
	Token string    `json:"t,omitempty"`
	Ends  time.Time `json:"e"`
}

// sessions makes and reads the cookies of sessions.
type sessions struct {
	key       []byte
	name      string
	encrypted bool
	tokens    *Tokens
}

func newSessions(o Options) *sessions {
	s := &sessions{key: derived(o.Key, "session"), name: "belfry", encrypted: o.Encrypted, tokens: o.Tokens}
	if o.Port != "" {
		s.name += "-" + o.Port
	}
	if o.Encrypted {
		s.name = "__Host-" + s.name
	}
	return s
}

// derived is a key for one purpose, made of another.
func derived(key []byte, purpose string) []byte {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write([]byte("belfry " + purpose))
	return m.Sum(nil)
}

// begin sets the cookie of a session.
func (s *sessions) begin(w http.ResponseWriter, one session, now time.Time) error {
	payload, err := json.Marshal(one)
	if err != nil {
		return err
	}
	value := signed(s.key, payload)
	if len(value) > maxCookie {
		return &refusal{http.StatusForbidden, "the limits of this login are too long for a cookie"}
	}
	http.SetCookie(w, s.cookie(value, int(one.Ends.Sub(now).Seconds())))
	return nil
}

// end removes the cookie.
func (s *sessions) end(w http.ResponseWriter) { http.SetCookie(w, s.cookie("", -1)) }

func (s *sessions) cookie(value string, age int) *http.Cookie {
	return &http.Cookie{
		Name: s.name, Value: value, Path: "/", MaxAge: age,
		HttpOnly: true, Secure: s.encrypted, SameSite: http.SameSiteLaxMode,
	}
}

// principal is whose session the cookie is of, and false if it is of none.
func (s *sessions) principal(r *http.Request, now time.Time) (access.Principal, bool) {
	c, err := r.Cookie(s.name)
	if err != nil {
		return access.Principal{}, false
	}
	var one session
	payload, err := opened(s.key, c.Value)
	if err == nil {
		err = json.Unmarshal(payload, &one)
	}
	if err != nil || !now.Before(one.Ends) || one.Token != "" && (s.tokens == nil || !s.tokens.Has(one.Token, now)) {
		return access.Principal{}, false
	}
	p := access.Principal{Name: one.Name, Role: one.Role, Scope: one.Scope, Via: access.Web}
	if strings.HasPrefix(r.URL.Path, APIPrefix) {
		p.Via = access.API
	}
	return p, true
}

// errSigned says that something was not signed with the key.
var errSigned = errors.New("not signed here")

// signed is a text that only who has the key can make.
func signed(key, payload []byte) string {
	m := hmac.New(sha256.New, key)
	_, _ = m.Write(payload)
	return base64.RawURLEncoding.EncodeToString(payload) + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// opened is what was signed.
func opened(key []byte, text string) ([]byte, error) {
	left, right, _ := strings.Cut(text, ".")
	payload, err := base64.RawURLEncoding.DecodeString(left)
	if err != nil {
		return nil, errSigned
	}
	mac, err := base64.RawURLEncoding.DecodeString(right)
	if err != nil {
		return nil, errSigned
	}
	m := hmac.New(sha256.New, key)
	_, _ = m.Write(payload)
	if !hmac.Equal(mac, m.Sum(nil)) {
		return nil, errSigned
	}
	return payload, nil
}
