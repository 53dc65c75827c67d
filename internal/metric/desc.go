package metric

import (
	"slices"
	"strings"
)

// Kind is what Prometheus calls the type of a metric.
type Kind string

// The kinds.
const (
	KindCounter   Kind = "counter"
	KindGauge     Kind = "gauge"
	KindHistogram Kind = "histogram"
)

// Signal is which question about a role a metric answers.
type Signal string

// The signals: the four golden ones, and what is no measure of work.
const (
	Traffic    Signal = "traffic"    // how much is done
	Latency    Signal = "latency"    // how long it takes
	Errors     Signal = "errors"     // what goes wrong
	Saturation Signal = "saturation" // how full it is
	Fact       Signal = "fact"       // what it is
)

// Signals returns the four that every role must have.
func Signals() []Signal { return []Signal{Traffic, Latency, Errors, Saturation} }

// Label is a label and the values it can take: exactly Values, or, where these
// are not known beforehand, at most Most.
type Label struct {
	Name   string
	Values []string
	Most   int
}

// OneOf is a label of known values.
func OneOf[T ~string](name string, values ...T) Label {
	l := Label{Name: name}
	for _, v := range values {
		l.Values = append(l.Values, string(v))
	}
	return l
}

// AtMost is a label of a bound number of values.
func AtMost(name string, most int) Label { return Label{Name: name, Most: most} }

// bound is how many values the label can take.
func (l Label) bound() int { return max(l.Most, len(l.Values)) }

// Desc describes a metric.
type Desc struct {
	Name, Help string
	Kind       Kind
	Signal     Signal
	Labels     []Label

	// buckets is how many series the classic form of a histogram takes.
	buckets int
}

// Family describes a metric that others made; buckets is how many classic ones a
// histogram has.
func Family(name, help string, kind Kind, buckets int) Desc {
	return Desc{Name: name, Help: help, Kind: kind, buckets: buckets + 3}
}

// Unit is what the values count, read off the name.
func (d Desc) Unit() string {
	name := strings.TrimSuffix(d.Name, "_total")
	last := name[strings.LastIndexByte(name, '_')+1:]
	switch {
	case last == "seconds" && strings.HasSuffix(name, "_timestamp_seconds"):
		return "seconds since 1970"
	case slices.Contains([]string{"seconds", "bytes", "records", "cores"}, last):
		return last
	}
	return "1"
}

// Series is how many series the metric can have in one process.
func (d Desc) Series() int {
	n := 1
	for _, l := range d.Labels {
		n *= l.bound()
	}
	if d.Kind == KindHistogram {
		n *= d.buckets
	}
	return n
}
