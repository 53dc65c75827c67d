package web

import (
	"net/http"

	"github.com/belfry-cron/belfry/internal/gate"
)

// loginBody is what the login page offers.
type loginBody struct {
	gate.Logins
	Next     string
	Path     string
	OIDCPath string
}

func (s *Site) login(w http.ResponseWriter, r *http.Request) {
	b := loginBody{Next: localPath(r.URL.Query().Get("next")), Path: gate.LoginPath, OIDCPath: gate.OIDCPath}
	if s.o.Gate != nil {
		b.Logins = s.o.Gate.Logins()
	}
	s.show(w, r, s.readerOf(r), http.StatusOK, frame{Page: "login", Title: "Log in", Body: b})
}
