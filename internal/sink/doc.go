// Package sink sends the events of a log on to other systems: SIEMs, collectors,
// files.
//
// A sink is one JSON document on disk, a cursor beside it, and a goroutine
// ([Manager.Run]) that reads the log in the order of its indexes, writes the
// events that the sink's filters select in the sink's format, and delivers them
// in batches. The cursor moves when the receiver has acknowledged a batch, and
// not before: every event arrives at least once, in order, whatever dies in
// between. A receiver that fails is tried again, ever more slowly, for as long
// as it takes; nothing is ever dropped.
//
// An event that the receiver refuses (400, 413, 422) is looked for by halves of
// its batch, put on a durable list, and gone past. A receiver that refuses one
// event after the other and takes none in between is not in the way of bad
// events but set up wrongly, so then the sink waits, too.
//
// Credentials are members of a secret, read when a connection is made, and held
// in a type that prints as "[redacted]".
package sink
