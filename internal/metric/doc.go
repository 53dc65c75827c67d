// Package metric owns the contract between Belfry and whoever watches it: what
// each metric is called, what it means, which labels it has and how many values
// these can take.
//
// A Maker makes the metrics of a package, registers them and keeps their Desc,
// from which docs/metrics.md is written. It holds the rules: a counter shows
// zero for every known label value from the start, since an alert does not see
// a series that is born at one; a label is either of known values or of a bound
// number; a histogram is classic and native.
//
// It imports nothing of Belfry.
package metric
