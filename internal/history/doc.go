// Package history owns the read model: what Belfry's topics say of jobs, runs,
// dead letters and members, folded into one SQLite file, so that a page or an
// API answers without reading a topic.
package history
