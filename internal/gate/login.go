package gate

import (
	"net/http"
	"net/url"
	"strings"
)

// login begins the session of whoever showed a token in a form.
func (g *Gate) login(w http.ResponseWriter, r *http.Request) {
	if g.o.Tokens == nil {
		refuse(w, r, &refusal{http.StatusNotFound, "this server takes no tokens"})
		return
	}
	if err := r.ParseForm(); err != nil {
		refuse(w, r, &refusal{http.StatusBadRequest, "the form cannot be read"})
		return
	}
	next := local(r.PostForm.Get("next"))
	t, err := g.token(strings.TrimSpace(r.PostForm.Get("token")), placeOf(r))
	if err != nil {
		g.o.Log.Warn("a login failed", "from", placeOf(r).address, "why", err)
		http.Redirect(w, r, LoginPath+"?"+url.Values{"next": {next}, "failed": {err.Error()}}.Encode(), http.StatusSeeOther)
		return
	}
	p := t.Principal()
	ends := g.o.Now().Add(sessionFor)
	if !t.EndsAt.IsZero() && t.EndsAt.Before(ends) {
		ends = t.EndsAt
	}
	g.let(w, r, session{Name: p.Name, Role: p.Role, Scope: p.Scope, Token: t.ID, Ends: ends}, next)
}

// logout ends the session.
func (g *Gate) logout(w http.ResponseWriter, r *http.Request) {
	g.sessions.end(w)
	http.Redirect(w, r, LoginPath, http.StatusSeeOther)
}

// let begins a session and goes on to a path.
func (g *Gate) let(w http.ResponseWriter, r *http.Request, s session, next string) {
	if err := g.sessions.begin(w, s, g.o.Now()); err != nil {
		refuse(w, r, err)
		return
	}
	g.o.Log.Info("somebody logged in", "who", s.Name, "role", s.Role, "from", placeOf(r).address)
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// local returns a path of this server, or "/" for anything else: nobody is sent
// elsewhere.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.ContainsAny(next, "\\\r\n\t") {
		return "/"
	}
	return next
}
