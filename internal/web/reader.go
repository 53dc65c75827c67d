package web

import (
	"net/http"
	"slices"
	"time"

	"github.com/belfry-cron/belfry/internal/access"
	"github.com/belfry-cron/belfry/internal/tzdata"
)

// The cookies that tell how a reader wants pages. The script writes them; they
// hold nothing secret, and a value that means nothing counts as none.
const (
	zoneCookie  = "belfry_zone"
	themeCookie = "belfry_theme"
	flashCookie = "belfry_flash"
)

// reader is who reads a page, where and when.
type reader struct {
	Who   access.Principal
	theme string // light, dark or auto
	clock clock
}

// readerOf reads a request. Without a cookie times are those of UTC.
func (s *Site) readerOf(r *http.Request) reader {
	rd := reader{Who: access.Of(r.Context()), theme: "auto", clock: clock{now: s.now(), zone: time.UTC}}
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains([]string{"light", "dark"}, c.Value) {
		rd.theme = c.Value
	}
	if c, err := r.Cookie(zoneCookie); err == nil && len(c.Value) < 64 {
		rd.clock.zone = s.zone(c.Value)
	}
	return rd
}

// maxZones bounds the zones that are kept: there are some 600 names.
const maxZones = 1000

// zone returns the zone of that name, UTC if there is none.
func (s *Site) zone(name string) *time.Location {
	s.mu.Lock()
	defer s.mu.Unlock()
	if z, ok := s.zones[name]; ok {
		return z
	}
	z, err := tzdata.Load(name)
	if err != nil || len(s.zones) >= maxZones {
		return time.UTC
	}
	s.zones[name] = z
	return z
}

// covers reports whether the reader may see a job.
func (rd reader) covers(cluster string, labels map[string]string) bool {
	return rd.Who.Scope.Covers(cluster, labels)
}

// Operates and Edits report what the reader's role allows at all.
func (rd reader) Operates() bool { return rd.Who.Role.Includes(access.Operator) }

// Edits is for templates, as Operates.
func (rd reader) Edits() bool { return rd.Who.Role.Includes(access.Editor) }
