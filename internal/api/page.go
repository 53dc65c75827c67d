package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS []byte

// documents adds the OpenAPI document, and the page that shows it.
func (s *server) documents() error {
	document, err := s.huma.OpenAPI().MarshalJSON()
	if err != nil {
		return err
	}
	shown, err := shownPage(s.huma.OpenAPI())
	if err != nil {
		return err
	}
	serve := func(path, kind string, body []byte) {
		s.mux.HandleFunc("GET "+Prefix+path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("Cache-Control", "no-cache")
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			_, _ = w.Write(body) // a client that left wants no answer
		})
	}
	serve("/openapi.json", "application/json", document)
	serve("/{$}", "text/html; charset=utf-8", shown)
	serve("/page.css", "text/css; charset=utf-8", pageCSS)
	return nil
}

// tagged are the operations under one tag of the page.
type tagged struct {
	Tag string
	Ops []*huma.Operation
}

// shownPage draws all operations.
func shownPage(doc *huma.OpenAPI) ([]byte, error) {
	var tags []tagged
	for _, path := range sortedPaths(doc) {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Put, item.Post, item.Delete} {
			if op == nil {
				continue
			}
			at := slices.IndexFunc(tags, func(t tagged) bool { return t.Tag == op.Tags[0] })
			if at < 0 {
				at = len(tags)
				tags = append(tags, tagged{Tag: op.Tags[0]})
			}
			tags[at].Ops = append(tags[at].Ops, op)
		}
	}
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, map[string]any{"Prefix": Prefix, "Version": doc.Info.Version, "Tags": tags})
	return b.Bytes(), err
}
