package claim

import "time"

// maxLookups bounds the ends of control that are yet to be reached.
const maxLookups = 8

// Hearing brings together up to where the control topic was read and where its
// end was, for ControlRead. The zero value has read nothing.
type Hearing struct {
	next int64
	ends []lookup // yet to be reached, the oldest first
}

type lookup struct {
	asked time.Duration
	end   int64
}

// Read takes that everything before next was read and given as Controlled. It
// returns since when nothing is missing, if that is news.
func (h *Hearing) Read(next int64) (asked time.Duration, news bool) {
	h.next = max(h.next, next)
	for len(h.ends) > 0 && h.ends[0].end <= h.next {
		asked, news = h.ends[0].asked, true
		h.ends = h.ends[1:]
	}
	return asked, news
}

// Ended takes the end of control that was asked for at asked. The latest takes
// the place of the one before if there are too many: the older ones are
// reached first.
func (h *Hearing) Ended(asked time.Duration, end int64) (time.Duration, bool) {
	if len(h.ends) == maxLookups {
		h.ends = h.ends[:maxLookups-1]
	}
	h.ends = append(h.ends, lookup{asked, end})
	return h.Read(h.next)
}
