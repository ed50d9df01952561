//go:build mutant_nocrc

package frame

// checksum is the mutant that trusts the disk: no frame is ever damaged. It is
// built by the tests of those who write frames, which want their power cuts to
// find it.
func checksum([]byte, uint64, int64) uint32 { return 0 }
