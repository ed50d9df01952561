package proof_test

import (
	"crypto/sha256"
	"errors"
)

// This is RFC 6962, section 2.1, as it is written there, without a thought of
// speed but for a memory of subtrees. It shares nothing with the package.

type hash = [sha256.Size]byte

// reference is a tree over leaf hashes.
type reference struct {
	leaves []hash
	memory map[[2]int]hash // MTH of full subtrees by their bounds
}

func newReference(lines [][]byte) *reference {
	r := &reference{memory: make(map[[2]int]hash)}
	for _, line := range lines {
		r.leaves = append(r.leaves, leafHash(line))
	}
	return r
}

func leafHash(line []byte) hash { return sha256.Sum256(append([]byte{0}, line...)) }

func nodeHash(left, right hash) hash {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

// largest returns the largest power of two smaller than n.
func largest(n int) int {
	k := 1
	for 2*k < n {
		k *= 2
	}
	return k
}

// mth is MTH(D[from:to]).
func (r *reference) mth(from, to int) hash {
	switch n := to - from; n {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return r.leaves[from]
	default:
		full := n&(n-1) == 0
		if h, ok := r.memory[[2]int{from, to}]; ok && full {
			return h
		}
		k := largest(n)
		h := nodeHash(r.mth(from, from+k), r.mth(from+k, to))
		if full {
			r.memory[[2]int{from, to}] = h
		}
		return h
	}
}

// path is PATH(m, D[from:to]), m counted from 0 of the whole list.
func (r *reference) path(m, from, to int) []hash {
	if to-from == 1 {
		return nil
	}
	k := from + largest(to-from)
	if m < k {
		return append(r.path(m, from, k), r.mth(k, to))
	}
	return append(r.path(m, k, to), r.mth(from, k))
}

// proof is PROOF(m, D[n]).
func (r *reference) proof(m, n int) []hash { return r.subproof(m, 0, n, true) }

func (r *reference) subproof(m, from, to int, known bool) []hash {
	if m == to {
		if known {
			return nil
		}
		return []hash{r.mth(from, to)}
	}
	k := from + largest(to-from)
	if m <= k {
		return append(r.subproof(m, from, k, known), r.mth(k, to))
	}
	return append(r.subproof(m, k, to, false), r.mth(from, k))
}

// climb is what an auditor does with PATH: it returns the root that follows.
func climb(leaf hash, m, from, to int, path []hash) (hash, error) {
	if to-from == 1 {
		if len(path) != 0 {
			return hash{}, errors.New("the path is too long")
		}
		return leaf, nil
	}
	if len(path) == 0 {
		return hash{}, errors.New("the path is too short")
	}
	last, rest := path[len(path)-1], path[:len(path)-1]
	k := from + largest(to-from)
	if m < k {
		left, err := climb(leaf, m, from, k, rest)
		return nodeHash(left, last), err
	}
	right, err := climb(leaf, m, k, to, rest)
	return nodeHash(last, right), err
}

// multi returns the roots of the largest subtrees without any of the leaves.
func (r *reference) multi(has []bool, from, to int) []hash {
	some := false
	for _, h := range has[from:to] {
		some = some || h
	}
	switch {
	case from == to:
		return nil
	case !some:
		return []hash{r.mth(from, to)}
	case to-from == 1:
		return nil
	}
	k := from + largest(to-from)
	return append(r.multi(has, from, k), r.multi(has, k, to)...)
}
