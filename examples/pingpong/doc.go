// Pingpong is a service that answers events: it reads dev.pingpong.requested,
// and for each request commits one answer to dev.pingpong.succeeded or
// dev.pingpong.failed. The answers and how far the requests were read are one
// Kafka transaction, so that a request is answered exactly once whatever dies.
//
// It is a program of its own that imports nothing of Belfry: an example of what
// else runs on the Kafka that Belfry uses, and of how a service there is built.
//
//	answer.go   what is answered to what; no I/O
//	service.go  consume, transform, produce
//	metrics.go  traffic, errors, latency, saturation
//	main.go     flags, signals, the HTTP address
package main
