// Package tail owns the reading of all topics into history, once per server,
// and tells listeners what changed.
//
// One consumer, in no group, reads the partitions of jobs, commands, events,
// state, members, output, dead letters, audit and notices from where history
// is. It leaves out the queues, whose runs the events name, and control, which
// holds nothing that history tells. Only what was committed is read; the markers
// that end transactions move offsets on. Partitions and topics that appear later
// are found within two seconds. Beats are read an hour back at the most.
//
// # States
//
// Catching up, until all was read that stood in the topics when the reading
// began: listeners hear nothing. Then each hears once that it begins anew, and
// from then on of every batch, after it was committed to the file. A new client,
// or a file that is built anew, begins with catching up again. While Kafka or
// the disk refuse, the same batch is tried each second, and Progress tells why.
//
// # Listening
//
// A change says how a thing stands, once per batch; it may come twice. An ID
// names how far each partition was read, and so means the same on every server:
// a ring of the latest changes answers who resumes, and who was away for longer
// begins anew. The output of one run comes from the file first, then as it is
// read (Live).
//
// # Bounds
//
//	a batch                 5,000 records, and what one answer of Kafka holds (8 MiB)
//	a listener, a Live      256 events behind, then it is cut off and told so
//	the ring                10,000 changes and about 32 MiB
//
// It is a shell: it must never import the packages of schedulers and workers,
// app or the command line.
package tail
