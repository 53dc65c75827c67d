package gate

import (
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// refusal is why a request is not passed on.
type refusal struct {
	status int
	why    string
}

// Error is for the error interface.
func (r *refusal) Error() string { return r.why }

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// refuse answers why a request is not passed on. A person without a session who
// wants a page is sent to the login page.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, why := http.StatusInternalServerError, "the server failed"
	if known := new(refusal); errors.As(err, &known) {
		status, why = known.status, known.why
	}
	api := strings.HasPrefix(r.URL.Path, APIPrefix)
	if status == http.StatusUnauthorized && !api && r.URL.Path != LoginPath {
		to := LoginPath
		if r.Method == http.MethodGet {
			to += "?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
		}
		if r.Header.Get("HX-Request") != "" { // htmx would put the login page into a part of the page
			w.Header().Set("HX-Redirect", to)
			w.WriteHeader(status)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: why})
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left wants no answer
}

// seconds writes how long to wait into the header, and returns it in words.
func seconds(w http.ResponseWriter, wait time.Duration) string {
	n := strconv.Itoa(int(math.Ceil(max(wait.Seconds(), 1))))
	w.Header().Set("Retry-After", n)
	return n + " s"
}
