// Package web owns the pages: what people see of Belfry in a browser, and the
// forms by which they change it. Pages are made on the server from html/template
// and carry no script of their own; static/ holds one style sheet, one script
// and htmx (static/README.md), all within the binary.
//
// A request goes through three hands. A page's function reads (history, topics,
// forecast) and makes values; a template makes HTML of them; frame.go puts the
// frame around it. Times are rendered for the reader's zone and theme, which
// two cookies tell (reader.go). Charts are SVG whose shapes are computed in
// chart.go and strip.go.
//
// Everything works without the script: filters are forms, what is live is asked
// for anew, and what changes many things answers with a page that asks back
// (act.go). The script adds keys, the palette, countdowns and live updates.
//
// Live pages: a browser holds one stream (live.go) on which the server says that
// something changed, at most once in refreshEvery; htmx then asks for the page
// again and changes what differs. A log is a stream of its own (follow.go).
//
// Package steer decides what a reader may do; pages leave out what their
// principal may not do, and show no jobs beyond its scope.
//
// Bounds: lists are pages of at most pageRows rows; a change of many jobs
// touches maxTargets; a forecast looks at maxForecastJobs jobs.
//
// It must never import the packages of schedulers and workers, app or the
// command line.
package web
