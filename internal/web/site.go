package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/gate"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tail"
)

// Options say what the pages show and what they change it with.
type Options struct {
	History *history.DB
	// Tail tells what changes. Without it pages are not live, and say nothing of
	// how far history has been read.
	Tail *tail.Tail
	// Steer changes things. Without it pages have no buttons.
	Steer *steer.Steer
	// Topics have the whole output of runs, and what Kafka says of itself.
	// Without it there is neither.
	Topics *query.Topics
	// Gate says what the login page offers; without it there is none.
	Gate *gate.Gate
	// Now tells the time: time.Now, if nil.
	Now func() time.Time
	Log *slog.Logger // nil discards
}

// pageRows is how many rows a page of a list has.
const pageRows = 50

// Site is the pages. Its requests come through a gate, which put the principal
// into their context.
type Site struct {
	o      Options
	now    func() time.Time
	log    *slog.Logger
	pages  pages
	assets assets
	mux    *http.ServeMux
	guard  *http.CrossOriginProtection

	mu     sync.Mutex
	zones  map[string]*time.Location
	wishes wishes

	ahead outlook
}

// New returns the pages. The error is about what the binary carries.
func New(o Options) (*Site, error) {
	s := &Site{o: o, now: o.Now, log: o.Log, zones: map[string]*time.Location{}, wishes: wishes{}, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection()}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.assets, err = newAssets(); err != nil {
		return nil, err
	}
	if s.pages, err = newPages(s.assets); err != nil {
		return nil, err
	}
	s.routes()
	return s, nil
}

// ServeHTTP is for http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Frame-Options", "DENY")
	s.guard.Handler(s.mux).ServeHTTP(w, r)
}

// policy lets a page have what this server serves, and nothing else.
const policy = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func (s *Site) routes() {
	s.mux.HandleFunc("GET /static/{hash}/{name}", s.assets.serve)
	s.mux.HandleFunc("GET /favicon.ico", s.assets.icon)
	s.mux.HandleFunc("GET "+gate.LoginPath, s.login)
	for path, page := range map[string]page{
		"/{$}":            s.overview,
		"/jobs":           s.jobs,
		"/jobs/{name...}": s.job,
		"/runs":           s.runs,
		"/runs/{id}":      s.run,
		"/dead":           s.dead,
		"/members":        s.members,
		"/calendar":       s.calendar,
		"/load":           s.load,
		"/kafka":          s.kafka,
		"/audit":          s.audit,
		"/edit":           s.edit,
		"/edit/{name...}": s.edit,
	} {
		s.mux.HandleFunc("GET "+path, s.read(page))
	}
	s.mux.HandleFunc("GET /runs/{id}/log", s.reading(s.download))
	s.mux.HandleFunc("GET /runs/{id}/follow", s.reading(s.follow))
	s.mux.HandleFunc("GET /changes", s.reading(s.changes))
	s.mux.HandleFunc("GET /find", s.reading(s.find))
	s.mux.HandleFunc("POST /act", s.reading(s.act))
	s.mux.HandleFunc("POST /edit/preview", s.reading(s.preview))
	s.mux.HandleFunc("POST /edit/{name...}", s.reading(s.save))
	s.mux.HandleFunc("GET /", s.reading(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, &missingError{"There is no such page."})
	}))
}

// page reads what a page shows.
type page func(ctx context.Context, r *http.Request, rd reader) (frame, error)

// read serves a page.
func (s *Site) read(p page) http.HandlerFunc {
	return s.reading(func(w http.ResponseWriter, r *http.Request) {
		rd := s.readerOf(r)
		f, err := p(r.Context(), r, rd)
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		s.show(w, r, rd, http.StatusOK, f)
	})
}

// reading lets only those through who may read at all.
func (s *Site) reading(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := access.Of(r.Context()).May(access.Viewer); err != nil {
			s.refuse(w, r, err)
			return
		}
		h(w, r)
	}
}

// missingError says that what the address names is not there.
type missingError struct{ what string }

// Error is for the error interface.
func (e *missingError) Error() string { return e.what }

// badRequestError says what is wrong with a form or an address.
type badRequestError struct{ what string }

// Error is for the error interface.
func (e *badRequestError) Error() string { return e.what }

// statusOf says how an error is answered.
func statusOf(err error) int {
	var missing *missingError
	var wrong *badRequestError
	var noJob *history.NoJobError
	var noRun *history.NoRunError
	var ambiguous *history.AmbiguousError
	var cursor *history.CursorError
	var denied *access.DeniedError
	var version *steer.VersionError
	switch {
	case errors.As(err, &missing), errors.As(err, &noJob), errors.As(err, &noRun), errors.As(err, &ambiguous):
		return http.StatusNotFound
	case errors.As(err, &wrong), errors.As(err, &cursor):
		return http.StatusBadRequest
	case errors.As(err, &denied):
		return http.StatusForbidden
	case errors.As(err, &version):
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}
