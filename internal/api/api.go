package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/go-json-experiment/json"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/kafka"
	"github.com/belfry-cron/belfry/internal/notice"
	"github.com/belfry-cron/belfry/internal/query"
	"github.com/belfry-cron/belfry/internal/steer"
	"github.com/belfry-cron/belfry/internal/tail"
	"github.com/belfry-cron/belfry/internal/topic"
)

// Prefix is what all paths begin with.
const Prefix = "/api/v1"

// Options are what the API answers from.
type Options struct {
	History *history.DB
	Tail    *tail.Tail
	Topics  *query.Topics
	Admin   *kafka.Admin
	Steer   *steer.Steer
	Notices *notice.Service  // nil if this server delivers none
	Version string           // of Belfry
	Now     func() time.Time // time.Now, if nil
	Log     *slog.Logger
}

// server answers.
type server struct {
	Options
	huma huma.API
	mux  *http.ServeMux
}

// Handler is the API with its document.
type Handler struct {
	http.Handler
	s *server
}

// Document is the OpenAPI document, as JSON.
func (h *Handler) Document() ([]byte, error) { return h.s.huma.OpenAPI().MarshalJSON() }

// New returns the handler of everything under Prefix. A request has to carry its
// principal (access.With): package gate sees to that.
func New(o Options) (*Handler, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &server{Options: o, mux: http.NewServeMux()}
	s.huma = humago.NewWithPrefix(s.mux, Prefix, config(o.Version))
	s.jobs()
	s.asks()
	s.backfills()
	s.plans()
	s.runs()
	s.logs()
	s.dead()
	s.system()
	s.figures()
	s.entries()
	s.targets()
	s.tokens()
	s.states()
	s.events()
	mend(s.huma.OpenAPI())
	if err := s.documents(); err != nil {
		return nil, err
	}
	return &Handler{Handler: s.known(), s: s}, nil
}

// config is how huma reads and writes.
func config(version string) huma.Config {
	format := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			value, err := topic.Marshal(v)
			if err == nil {
				_, err = w.Write(append(value, '\n'))
			}
			return err
		},
		Unmarshal: func(data []byte, v any) error { return json.Unmarshal(data, v) },
	}
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Belfry", Version: version,
				Description: "See and steer the jobs of a Belfry. Durations are whole milliseconds, instants RFC 3339.",
				License:     &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", name),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token":   {Type: "http", Scheme: "bearer", Description: "A token of \"belfry token create\"."},
					"session": {Type: "apiKey", In: "cookie", Name: "belfry", Description: "The session of a person who logged in."},
				},
			},
			Security: []map[string][]string{{"token": {}}, {"session": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": format, "json": format},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// name is that of a type's schema: the types of other packages carry the
// package's name, so that two of one name stay apart.
func name(t reflect.Type, hint string) string {
	base := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	path := t.PkgPath()
	if at := strings.LastIndexByte(path, '/'); at >= 0 && !strings.HasSuffix(path, "/internal/api") && strings.Contains(path, "belfry") {
		pkg := []rune(path[at+1:])
		pkg[0] = unicode.ToUpper(pkg[0])
		return string(pkg) + base
	}
	return base
}

// roleExtension is where an operation of the document names its role.
const roleExtension = "x-belfry-role"

// operation is what is said of a route.
type operation struct {
	id      string
	method  string
	path    string
	tag     string
	role    access.Role
	summary string
	about   string
	status  int
	body    int64 // most bytes; 0 for 1 MiB
	raw     bool  // the handler reads the body itself
	errors  []int
}

// huma is the operation as huma describes it.
func (o operation) huma() huma.Operation {
	wait := 10 * time.Second
	if o.body > maxBody {
		wait = 2 * time.Minute
	}
	about := "Needs the role " + string(o.role) + "."
	if o.about != "" {
		about = o.about + "\n\n" + about
	}
	return huma.Operation{
		OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: about,
		DefaultStatus: o.status, MaxBodyBytes: max(o.body, maxBody), BodyReadTimeout: wait,
		Errors:     append([]int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}, o.errors...),
		Extensions: map[string]any{roleExtension: string(o.role)},
	}
}

// maxBody bounds a body, in bytes, maxSet that of a set of jobs.
const (
	maxBody = 1 << 20
	maxSet  = 64 << 20
)

// route adds an operation, which only who has its role gets to: before anything
// else of the request is looked at.
func route[I, O any](s *server, o operation, handle func(context.Context, access.Principal, *I) (*O, error)) {
	op := o.huma()
	op.SkipValidateBody = o.raw
	op.Middlewares = huma.Middlewares{func(ctx huma.Context, next func(huma.Context)) {
		if err := access.Of(ctx.Context()).May(o.role); err != nil {
			_, w := humago.Unwrap(ctx)
			write(w, huma.NewError(http.StatusForbidden, err.Error()))
			return
		}
		r, w := humago.Unwrap(ctx)
		for name, values := range r.URL.Query() {
			if slices.Contains(values, "") { // it would count as not given
				known := new(huma.ErrorModel)
				if errors.As(field("query."+name, "is empty; leave it out", ""), &known) {
					write(w, known)
				}
				return
			}
		}
		next(ctx)
	}}
	huma.Register(s.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := handle(ctx, access.Of(ctx), in)
		if err != nil {
			return nil, s.problem(err)
		}
		return out, nil
	})
}

// methods are those that a path may be asked with.
func methods() []string {
	return []string{http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodPatch}
}

// known answers with a problem document what no operation does.
func (s *server) known() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := s.mux.Handler(r); pattern != "" {
			s.mux.ServeHTTP(w, r)
			return
		}
		var allowed []string
		for _, m := range methods() {
			probe := &http.Request{Method: m, URL: r.URL, Host: r.Host}
			if _, pattern := s.mux.Handler(probe); pattern != "" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			write(w, huma.NewError(http.StatusMethodNotAllowed, fmt.Sprintf("%s answers to %s", r.URL.Path, strings.Join(allowed, ", "))))
			return
		}
		write(w, huma.NewError(http.StatusNotFound, "there is nothing at "+r.URL.Path+"; "+Prefix+"/ lists what there is"))
	})
}

// write answers with a problem document.
func write(w http.ResponseWriter, e huma.StatusError) {
	body, err := topic.Marshal(e)
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.GetStatus())
	_, _ = w.Write(body) // a client that left wants no answer
}
