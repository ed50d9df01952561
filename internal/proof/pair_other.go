//go:build !amd64

package proof

const hasPairs = false

func pairBlocks(*pairState, *byte, *byte, int) { panic("there are no such instructions") }
