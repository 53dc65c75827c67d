package web

import (
	"net/http"
	"net/url"
	"time"

	"github.com/belfry-cron/belfry/internal/history"
	"github.com/belfry-cron/belfry/internal/run"
	"github.com/belfry-cron/belfry/internal/tail"
)

const (
	// settle is how long changes are gathered before a page is told of them.
	settle = 150 * time.Millisecond
	// refreshEvery is how often a page is told at most.
	refreshEvery = time.Second
)

// changes tells a page that it is out of date. What changed the page learns by
// asking for itself again, so that nothing is told twice, in two ways.
func (s *Site) changes(w http.ResponseWriter, r *http.Request) {
	if s.o.Tail == nil {
		w.WriteHeader(http.StatusNoContent) // which ends an EventSource
		return
	}
	rd := s.readerOf(r)
	filter := changesFilter(r.URL.Query())
	if scope := rd.Who.Scope; len(scope.Clusters) > 0 {
		filter.Allow = func(c *history.Change) bool { return c.Cluster == "" || scope.Covers(c.Cluster, scope.Labels) }
	}
	l := s.o.Tail.Listen(filter, r.Header.Get("Last-Event-ID"))
	defer l.Close()
	st := newStream(w)
	first := "open"
	if l.Anew() {
		first = "changed"
	}
	if st.send(first, "", "1") != nil {
		return
	}
	tell(r, st, l)
}

// tell passes on that something changed until the reader is gone.
func tell(r *http.Request, st *stream, l *tail.Listener) {
	var due <-chan time.Time // when to tell, if there is anything to tell
	var id string
	last := time.Now().Add(-refreshEvery)
	pause := time.NewTicker(streamPause)
	defer pause.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case e, ok := <-l.C():
			if !ok {
				return // the browser comes again, and resumes
			}
			id = e.ID
			if due == nil {
				due = time.After(max(settle, refreshEvery-time.Since(last)))
			}
		case <-due:
			due, last = nil, time.Now()
			if st.send("changed", id, "1") != nil {
				return
			}
		case <-pause.C:
			if st.breathe() != nil {
				return
			}
		}
	}
}

// changesFilter reads what a page is about.
func changesFilter(v url.Values) tail.Filter {
	f := tail.Filter{Job: v.Get("job"), Run: run.ID(v.Get("run"))}
	switch kind := history.Kind(v.Get("kind")); kind {
	case history.KindMember, history.KindAudit, history.KindDead, history.KindNotice:
		f.Kinds = []history.Kind{kind}
	case history.KindRun, history.KindJob, history.KindOutput:
	}
	return f
}
