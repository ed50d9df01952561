package source

import "github.com/scaivault/audit/internal/frame"

// A file of the journal is a row of frames ([frame.Magic]), each of which holds
// the records that one sync made durable:
//
//	payload (length uvarint | record)*
const journalFrames = frame.Magic("\xffSVO")

// readFrames returns the records of a file's content, and whether something
// before its last good frame is damaged.
func readFrames(b []byte, id uint64) (records [][]byte, damaged bool) {
	for at := 0; at < len(b); {
		f := journalFrames.At(b, id, at)
		if f == nil {
			if at = journalFrames.Next(b, id, at); at < 0 {
				return records, damaged
			}
			damaged = true
			continue
		}
		at += len(f)
		r := recordReader{b: f[frame.Header:]}
		for len(r.b) > 0 {
			records = append(records, r.bytes(r.uint()))
		}
	}
	return records, damaged
}
