package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
)

//go:embed templates/*.html
var templates embed.FS

// frame is what a page shows, and what the frame around it needs to know.
type frame struct {
	Page  string // the template, without ".html"
	Title string
	Nav   string // the path of the entry of the navigation that is current
	// Live is the query of /changes that tells when the page is out of date;
	// empty for a page that is not live.
	Live string
	Body any
}

// framed is what templates get.
type framed struct {
	frame
	reader

	Self   string // the address of the page
	Role   access.Role
	Theme  string
	Zone   string
	Now    moment
	Flash  *flash
	Dead   int // dead letters that wait, for the navigation
	Behind string
	Steers bool
}

// pages are the parsed templates by name.
type pages map[string]*template.Template

func newPages(a assets) (pages, error) {
	shared, err := template.New("").Funcs(helpers(a)).ParseFS(templates, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the templates: %w", err)
	}
	files, err := fs.Glob(templates, "templates/[a-z]*.html")
	if err != nil {
		return nil, fmt.Errorf("listing the templates: %w", err)
	}
	all := pages{}
	for _, file := range files {
		one, err := shared.Clone()
		if err == nil {
			_, err = one.ParseFS(templates, file)
		}
		if err != nil {
			return nil, fmt.Errorf("reading the templates: %w", err)
		}
		all[strings.TrimSuffix(path.Base(file), ".html")] = one
	}
	return all, nil
}

// helpers are the functions of templates. None knows the reader.
func helpers(a assets) template.FuncMap {
	return template.FuncMap{
		"asset":     a.path,
		"lasting":   lasting,
		"size":      size,
		"counted":   counted,
		"grouped":   grouped,
		"mark":      markOf,
		"words":     run.Words,
		"short":     shortID,
		"jobPath":   jobPath,
		"join":      strings.Join,
		"add":       func(a, b int) int { return a + b },
		"grouped64": func(n int64) string { return grouped(int(n)) },
		"oidc":      func(path, next string) string { return path + "?next=" + url.QueryEscape(next) },
	}
}

// jobPath is the address of a job's page. Slashes in names stay.
func jobPath(name string) string { return "/jobs/" + (&url.URL{Path: name}).EscapedPath() }

// show writes a page.
func (s *Site) show(w http.ResponseWriter, r *http.Request, rd reader, status int, f frame) {
	v := framed{
		frame: f, reader: rd, Self: r.URL.RequestURI(), Role: rd.Who.Role, Theme: rd.theme, Zone: rd.clock.zone.String(), Now: rd.clock.moment(rd.clock.now),
		Flash: takeFlash(w, r), Steers: s.o.Steer != nil,
	}
	if rd.Who.Role != "" {
		v.Dead, v.Behind = s.waiting(r.Context(), rd), s.behind()
	}
	var b bytes.Buffer
	if err := s.pages[f.Page].ExecuteTemplate(&b, "frame", &v); err != nil {
		s.log.Error("a page could not be made", "page", f.Page, "error", err)
		http.Error(w, "This page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	s.write(w, r, status, b.Bytes())
}

// write sends a page that was made for this request.
func (s *Site) write(w http.ResponseWriter, r *http.Request, status int, data []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		data = quicklyZipped(data)
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data) // whoever asked may be gone
}

// waiting counts the dead letters that wait, for the navigation.
func (s *Site) waiting(ctx context.Context, rd reader) int {
	if !rd.Who.Scope.Whole() {
		return 0 // letters tell no labels, and to look at each job takes long
	}
	page, err := s.o.History.DeadLetters(ctx, history.DeadFilter{Waiting: true, Limit: 1})
	if err != nil {
		return 0 // the page itself says what is wrong
	}
	return page.Total
}

// behind says in words that history is not up to date, empty if it is.
func (s *Site) behind() string {
	if trouble := s.o.History.Trouble(); trouble != "" {
		return "History stands still: " + trouble + ". Jobs go on all the same."
	}
	if s.o.Tail == nil {
		return ""
	}
	p := s.o.Tail.Progress()
	switch {
	case p.Trouble != "":
		return "History stands still: " + p.Trouble + ". Jobs go on all the same."
	case !p.Ready && p.Total > 0:
		return fmt.Sprintf("History is being read: %d %% of %s. Until then pages show the past.", 100*p.Done/p.Total, counted(int(p.Total), "record"))
	case !p.Ready:
		return "History is being read. Until then pages show the past."
	}
	return ""
}

// trouble is the body of the page of an error.
type trouble struct {
	Title, Text, Hint string
	Runs              []run.ID
	Again             bool // what is missing may be there in a moment
}

// refuse answers with an error.
func (s *Site) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	t := trouble{Title: http.StatusText(status), Text: err.Error()}
	var ambiguous *history.AmbiguousError
	var noRun *history.NoRunError
	switch {
	case errors.As(err, &ambiguous):
		t.Title, t.Runs = "Which run?", ambiguous.Runs
	case errors.As(err, &noRun):
		t.Title, t.Again = "No such run yet", true
		t.Hint = "A run that was just asked for appears here within a moment; one that is older than the history is no longer known."
	case status == http.StatusNotFound:
		t.Hint = "It may have been removed. The audit tells who changed what."
	case status == http.StatusForbidden:
		t.Title = "Not allowed"
		t.Hint = "Ask an admin for a token with a wider role or scope."
		if access.Of(r.Context()).Role == "" {
			t.Hint = "Log in first."
		}
	case status == http.StatusInternalServerError:
		if r.Context().Err() != nil {
			return // nobody waits for it
		}
		s.log.Error("a page failed", "path", r.URL.Path, "error", err)
		t.Title = "This page could not be read"
		t.Hint = "The server's log has more. Jobs go on all the same."
	}
	s.show(w, r, s.readerOf(r), status, frame{Page: "trouble", Title: t.Title, Body: t})
}
