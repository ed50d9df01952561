package export

import "github.com/scaivault/audit"

// appendJSON appends the canonical line of an event, byte for byte as the tree
// over the log hashes it, and a line end.
func appendJSON(dst []byte, r *audit.Record) []byte {
	return append(r.AppendLine(dst), '\n')
}
