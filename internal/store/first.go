package store

import "slices"

// first gathers values and keeps the n that come first.
type first[T any] struct {
	n       int
	compare func(a, b T) int
	list    []T  // fewer than 2n
	sorted  bool // list[n-1] is the last of the n that came first when it was set
}

// last returns the last of the first n as they were lately; full is false if
// there were fewer: what comes behind it need not be added.
func (f *first[T]) last() (v *T, full bool) {
	if !f.sorted {
		return nil, false
	}
	return &f.list[f.n-1], true
}

func (f *first[T]) add(v T) {
	if f.n == 0 {
		return
	}
	if f.list = append(f.list, v); len(f.list) >= 2*f.n {
		slices.SortFunc(f.list, f.compare)
		f.list, f.sorted = f.list[:f.n], true
	}
}

// all returns the values in their order.
func (f *first[T]) all() []T {
	slices.SortFunc(f.list, f.compare)
	return append([]T{}, f.list[:min(f.n, len(f.list))]...)
}
