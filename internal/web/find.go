package web

import (
	"net/http"
	"strings"

	"github.com/belfry-cron/belfry/internal/history"
)

// findBody is what the palette found.
type findBody struct {
	Jobs []string
	Run  string // the address of a run whose ID begins as was typed
}

// find answers the palette with jobs, and with a run if an ID was typed.
func (s *Site) find(w http.ResponseWriter, r *http.Request) {
	rd := s.readerOf(r)
	text := strings.TrimSpace(r.URL.Query().Get("q"))
	page, err := s.jobPage(r.Context(), rd, history.JobFilter{Text: text, Limit: 12})
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	b := findBody{}
	for i := range page.Jobs {
		b.Jobs = append(b.Jobs, page.Jobs[i].Job.Job.Name)
	}
	if isID(text) {
		if d, err := s.detail(r.Context(), rd, text); err == nil {
			b.Run = "/runs/" + string(d.Row.ID)
		}
	}
	s.show(w, r, rd, http.StatusOK, frame{Page: "find", Body: b})
}

// isID reports whether a text may be the beginning of a run's ID.
func isID(text string) bool {
	return len(text) >= 6 && len(text) <= 36 && strings.Trim(strings.ToLower(text), "0123456789abcdef-") == ""
}
