package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static/belfry.css static/belfry.js static/htmx.min.js static/icon.svg static/terminal.css
var static embed.FS

// asset is a file that is served as it is, under an address that holds its hash
// and so may be kept for ever.
type asset struct {
	hash, kind   string
	data, zipped []byte
}

// assets are those files by name.
type assets map[string]asset

func newAssets() (assets, error) {
	files, err := static.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("reading the assets: %w", err)
	}
	all := assets{}
	for _, f := range files {
		data, err := static.ReadFile("static/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("reading asset %s: %w", f.Name(), err)
		}
		sum := sha256.Sum256(data)
		all[f.Name()] = asset{
			hash: hex.EncodeToString(sum[:6]), kind: mime.TypeByExtension(path.Ext(f.Name())),
			data: data, zipped: zipped(data),
		}
	}
	return all, nil
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression) // the level exists
	_, _ = w.Write(data)                                  // a buffer takes all
	_ = w.Close()
	return b.Bytes()
}

// path is where an asset is served.
func (a assets) path(name string) string { return "/static/" + a[name].hash + "/" + name }

func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	one, ok := a[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.PathValue("hash") == one.hash {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("Content-Type", one.kind)
	send(w, r, one.data, one.zipped)
}

func (a assets) icon(w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, a.path("icon.svg"), http.StatusMovedPermanently)
}

// send writes a body, compressed for who takes that.
func send(w http.ResponseWriter, r *http.Request, data, small []byte) {
	w.Header().Add("Vary", "Accept-Encoding")
	if len(small) > 0 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		data = small
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	_, _ = w.Write(data) // whoever asked may be gone
}
