package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Window is how far back in a topic to begin: at the first record as old as
// Since, but with at least Least records to its end, or offsets of them, and at
// most Most. The instants of records are their writers' word: Least keeps a
// reader whose clock is ahead from missing everything.
type Window struct {
	Since       time.Time
	Least, Most int64
}

// Recent returns where to begin reading each partition of a topic that somebody
// leads.
func Recent(ctx context.Context, cl *kgo.Client, name string, w Window) (map[int32]int64, error) {
	var since, ends map[int32]int64
	err := patiently(ctx, func() error {
		at, err := locate(ctx, cl, name)
		if err != nil {
			return err
		}
		if ends, err = at.offsets(ctx, cl, name, latest); len(ends) == 0 {
			return err
		}
		led := at.only(ends)
		since, err = led.offsets(ctx, cl, name, w.Since.UnixMilli())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding what is recent in topic %s: %w", name, err)
	}
	from := make(map[int32]int64, len(ends))
	for p, end := range ends {
		from[p] = w.begin(since[p], end)
	}
	return from, nil
}

// begin returns where to begin a partition that ends at end, if since is its
// first record that is new enough; a negative one means that there is none.
func (w Window) begin(since, end int64) int64 {
	if since < 0 {
		since = end
	}
	return max(min(since, end-w.Least), end-w.Most, 0)
}
