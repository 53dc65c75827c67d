package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	// MaxScope bounds the clusters, and the labels, of a scope.
	MaxScope = 100
	// MaxName bounds the name of a token, in bytes.
	MaxName = 100
	// MaxTokens bounds the tokens that are kept.
	MaxTokens = 10_000

	// TokenBytes is how many bytes of chance make a token: those of its ID, and
	// 256 bits that nobody can guess.
	TokenBytes = tokenID + tokenSecret

	tokenMark   = "belfry_"
	tokenID     = 8  // bytes
	tokenSecret = 32 // bytes
)

// Token is one record in the topic "access": what may be done by whoever shows
// the text whose hash it holds. The text itself is kept nowhere.
type Token struct {
	V int `json:"v"`
	// ID is public, and the key of the record.
	ID   string `json:"id"`
	Name string `json:"name"`
	// Hash is the SHA-256 of the whole text, in hexadecimal digits.
	Hash  string `json:"hash"`
	Role  Role   `json:"role"`
	Scope Scope  `json:"scope,omitzero"`

	MadeAt time.Time `json:"made_at"`
	MadeBy string    `json:"made_by,omitempty"`
	// EndsAt is when the token stops being valid; zero means never.
	EndsAt time.Time `json:"ends_at,omitzero"`

	Unknown map[string]any `json:",embed"`
}

// NoTokenError says that there is no token with that ID.
type NoTokenError struct{ ID string }

// Error is for the error interface.
func (e *NoTokenError) Error() string {
	return fmt.Sprintf("there is no token %q, or it was revoked", e.ID)
}

// ErrToken says that a text is no valid token, without saying why.
var ErrToken = errors.New("the token is not valid: it was revoked, has ended, or was mistyped")

// NewToken returns a token and its text, made of chance. It says
// what is wrong with the name, the role or the scope.
func NewToken(t Token, chance [TokenBytes]byte) (Token, string, error) {
	switch _, err := ParseRole(string(t.Role)); {
	case err != nil:
		return Token{}, "", err
	case t.Name == "" || len(t.Name) > MaxName || strings.ContainsFunc(t.Name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return Token{}, "", fmt.Errorf("a token needs a name of 1 to %d bytes without control characters", MaxName)
	case len(t.Scope.Clusters) > MaxScope || len(t.Scope.Labels) > MaxScope:
		return Token{}, "", fmt.Errorf("a token is limited to at most %d clusters and %d labels", MaxScope, MaxScope)
	case !t.EndsAt.IsZero() && !t.EndsAt.After(t.MadeAt):
		return Token{}, "", fmt.Errorf("the token would end at %s, before it begins", t.EndsAt.Format(time.RFC3339))
	}
	t.ID = hex.EncodeToString(chance[:tokenID])
	text := tokenMark + t.ID + "_" + base64.RawURLEncoding.EncodeToString(chance[tokenID:])
	t.Hash = hashOf(text)
	return t, text, nil
}

// IDOf returns the ID that the text of a token names, and false if it is none.
func IDOf(text string) (string, bool) {
	rest, ok := strings.CutPrefix(text, tokenMark)
	id, secret, cut := strings.Cut(rest, "_")
	return id, ok && cut && len(id) == hex.EncodedLen(tokenID) &&
		len(secret) == base64.RawURLEncoding.EncodedLen(tokenSecret)
}

// Valid reports whether the text is that of the token, and the token has not
// ended at now. It takes as long whatever the text is.
func (t *Token) Valid(text string, now time.Time) bool {
	same := subtle.ConstantTimeCompare([]byte(t.Hash), []byte(hashOf(text))) == 1
	return same && (t.EndsAt.IsZero() || now.Before(t.EndsAt))
}

// Principal is whom the token makes of a request.
func (t *Token) Principal() Principal {
	return Principal{Name: "token:" + t.Name, Role: t.Role, Scope: t.Scope}
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
