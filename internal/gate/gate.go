package gate

import "net/http"

// The paths that Gate serves itself, or leaves open. LoginPath with GET is the
// login page (of package web); a form with the field "token" is posted there.
// LogoutPath takes a POST. OIDCPath with GET begins a login at the provider.
const (
	LoginPath  = "/login"
	LogoutPath = "/logout"
	OIDCPath   = "/login/oidc"
)

// Logins say what a login page offers.
type Logins struct {
	// Token: a form with the field "token", posted to LoginPath with "next", the
	// path to go on to.
	Token bool
	// OIDC: a link to OIDCPath?next=…, named after the provider.
	OIDC     bool
	Provider string
}

// Gate lets requests through to handlers, with a principal.
type Gate struct{}

// Logins say what the login page offers.
func (g *Gate) Logins() Logins { return Logins{} }

// Wrap returns a handler that lets through what has a principal.
func (g *Gate) Wrap(next http.Handler) http.Handler { return next }
