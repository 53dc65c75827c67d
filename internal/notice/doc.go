// Package notice delivers what shards write into the topic notices: to webhooks,
// to chats that take Slack's messages, and to PagerDuty. What is told on which
// occasion, package shard decides.
//
// # How
//
// The servers are one consumer group. Each notice goes to the targets it names,
// which the settings of the servers know (settings.go): an address and a secret
// never stand in a topic. A target that cannot be reached holds up no other, and
// is tried again with a wait that doubles, until it is given up. What became of
// a notice at a target is a record of its own in the same topic; what was given
// up is a dead letter as well.
//
// Delivery is at least once: a server that dies between a target's answer and the
// record of it has the next one deliver again. A server that gets a partition
// first reads on to its end, so that it knows what was delivered. Whoever receives
// goes by the notice's ID, or for PagerDuty by the incident's, which are the same
// each time.
//
// # Bounds
//
//	notices of a target that wait        500; beyond it the oldest is given up
//	notices read and not settled         2,000; nothing more is read then
//	notices in a message                 20, or one where each is an incident
//	a message's age                      an hour, then it is given up
//	a wait between two tries             5 minutes, unless the target asks for more, then 15
//	what is read of an answer            16 KiB
//
// Only addresses that are public are connected to, or that the settings allow; no
// redirect is followed. It must never import schedulers, workers, or HTTP servers.
package notice
