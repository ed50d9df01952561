package proof_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/proof"
	"github.com/scaivault/audit/internal/vfs"
)

// agrees compares everything that the tree says of a size with the reference.
func agrees(t *testing.T, tree *proof.Tree, r *reference, size int, rnd *rand.Rand) {
	t.Helper()
	ctx := t.Context()
	root, err := tree.Root(ctx, uint64(size))
	if err != nil || root != r.mth(0, size) {
		t.Fatalf("root of %d: %v, %v", size, root, err)
	}
	if size == 0 {
		return
	}
	index := rnd.IntN(size)
	leaf, path, err := tree.Inclusion(ctx, uint64(index), uint64(size))
	if err != nil || leaf != r.leaves[index] || !slices.Equal(path, hashes(r.path(index, 0, size))) {
		t.Fatalf("inclusion of %d in %d differs (%v)", index, size, err)
	}
	if got, err := climb(hash(leaf), index, 0, size, r.path(index, 0, size)); err != nil || got != hash(root) {
		t.Fatalf("the path of %d in %d leads elsewhere: %v", index, size, err)
	}
	from := 1 + rnd.IntN(size)
	way, err := tree.Consistency(ctx, uint64(from), uint64(size))
	if err != nil || !slices.Equal(way, hashes(r.proof(from, size))) {
		t.Fatalf("consistency of %d and %d differs (%v)", from, size, err)
	}
	if err := tlog.CheckTree(way, int64(size), root, int64(from), r.mth(0, from)); err != nil {
		t.Fatalf("consistency of %d and %d: %v", from, size, err)
	}
	if size%8 == 0 { // it reads many blocks
		multiAgrees(t, tree, r, size, rnd)
	}
}

func multiAgrees(t *testing.T, tree *proof.Tree, r *reference, size int, rnd *rand.Rand) {
	t.Helper()
	has := make([]bool, size)
	var indexes []uint64
	var leaves []proof.Hash
	for range rnd.IntN(min(size, 40) + 1) {
		if i := rnd.IntN(size); !has[i] {
			has[i] = true
			indexes, leaves = append(indexes, uint64(i)), append(leaves, r.leaves[i])
		}
	}
	got, err := tree.MultiProof(t.Context(), uint64(size), indexes)
	if want := hashes(r.multi(has, 0, size)); err != nil || !slices.Equal(got, want) {
		t.Fatalf("proof of %v in %d: %d hashes, %v, want %d", indexes, size, len(got), err, len(want))
	}
	root := proof.Hash(r.mth(0, size))
	if err := proof.VerifyMulti(root, uint64(size), indexes, leaves, got); err != nil {
		t.Fatalf("proof of %v in %d: %v", indexes, size, err)
	}
	spoiled := slices.Clone(leaves)
	if len(spoiled) > 0 {
		spoiled[rnd.IntN(len(spoiled))][rnd.IntN(32)] ^= 1
		if proof.VerifyMulti(root, uint64(size), indexes, spoiled, got) == nil {
			t.Fatalf("another line passes for one of %v in %d", indexes, size)
		}
	}
}

// TestEverySize grows a tree line by line.
func TestEverySize(t *testing.T) {
	t.Parallel()
	const most = 2000
	rnd := rand.New(rand.NewPCG(1, 0))
	log := newLog(most)
	tree, r := openTree(t, vfs.NewMem(), acme, log), newReference(log.lines[acme])
	for size := range most + 1 {
		check(t, tree.Grow(t.Context(), uint64(size)))
		agrees(t, tree, r, size, rnd)
	}
	for range 500 { // and smaller trees of the large one
		agrees(t, tree, r, rnd.IntN(most+1), rnd)
	}
}

func TestLargeSizes(t *testing.T) {
	t.Parallel()
	const most = 140_000 // more than two nodes of level 16
	rnd := rand.New(rand.NewPCG(2, 0))
	log := newLog(most)
	m := vfs.NewMem()
	tree, r := openTree(t, m, acme, log), newReference(log.lines[acme])
	sizes := []int{65_535, 65_536, 65_537, 131_071, 131_072, 131_073, most}
	for range 40 {
		sizes = append(sizes, rnd.IntN(most))
	}
	slices.Sort(sizes)
	for _, size := range sizes {
		check(t, tree.Grow(t.Context(), uint64(size)))
		agrees(t, tree, r, size, rnd)
	}
	check(t, tree.Close())
	log.read.Store(0)
	tree = openTree(t, m, acme, log)
	if got, want := tree.Size(), uint64(most-most%256); got != want || log.read.Load() > 0 {
		t.Errorf("opened again with %d lines, read %d, want %d and none", got, log.read.Load(), want)
	}
	check(t, tree.Grow(t.Context(), most))
	for _, size := range sizes {
		agrees(t, tree, r, size, rnd)
	}
}

func TestTreesOfTwoTenants(t *testing.T) {
	log := newLog(1000)
	m := vfs.NewMem()
	for tenant, n := range map[audit.TenantID]int{acme: 1000, beta: 500} {
		tree := openTree(t, m, tenant, log)
		check(t, tree.Grow(t.Context(), uint64(n)))
		r := newReference(log.lines[tenant])
		agrees(t, tree, r, n, rand.New(rand.NewPCG(3, 0)))
		check(t, tree.Close())
	}
	// The file of one does not pass for that of the other.
	name := dir + "/proof/acme/tree"
	data, err := vfs.ReadFile(m, name)
	check(t, err)
	check(t, vfs.WriteFile(m, dir+"/proof/beta/tree", data))
	if size := openTree(t, m, beta, log).Size(); size != 0 {
		t.Errorf("the tree of beta has %d lines of acme", size)
	}
}

func TestTreeRefusesSizes(t *testing.T) {
	ctx := t.Context()
	log := newLog(10)
	tree := openTree(t, vfs.NewMem(), acme, log)
	check(t, tree.Grow(ctx, 10))
	for name, err := range map[string]error{
		"root beyond":      second(tree.Root(ctx, 11)),
		"inclusion beyond": third(tree.Inclusion(ctx, 0, 11)),
		"index at size":    third(tree.Inclusion(ctx, 10, 10)),
		"from nothing":     second(tree.Consistency(ctx, 0, 10)),
		"from beyond":      second(tree.Consistency(ctx, 10, 9)),
		"to beyond":        second(tree.Consistency(ctx, 1, 11)),
		"multi twice":      second(tree.MultiProof(ctx, 10, []uint64{3, 3})),
		"multi at size":    second(tree.MultiProof(ctx, 10, []uint64{10})),
		"grow beyond":      tree.Grow(ctx, 11),
		"grow without end": tree.Grow(ctx, proof.MaxSize+1),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	check(t, tree.Grow(ctx, 10))
	wantError(t, tree.Grow(ctx, 9), proof.ErrRollback)
}

func second[T any](_ T, err error) error { return err }

func third[T, U any](_ T, _ U, err error) error { return err }

// firstFormat is the file of a tree as it was before blocks had finders.
func firstFormat() []byte {
	head := []byte("SVATRE\x01\x00")
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, crc32.MakeTable(crc32.Castagnoli)))
	return append(head, make([]byte, 36*3)...)
}

// TestTreeOfFirstFormat opens a tree of the format before: it is made again.
func TestTreeOfFirstFormat(t *testing.T) {
	s := newServer(t, 1000)
	want := s.checkpoint(t, acme, 1000)
	check(t, s.notary.Close())
	whole, err := vfs.ReadFile(s.fs, dir+"/proof/acme/tree")
	check(t, err)
	check(t, vfs.WriteFile(s.fs, dir+"/proof/acme/tree", firstFormat()))
	s = serve(t, s.memLog, s.fs)
	if got := s.checkpoint(t, acme, 1000); !bytes.Equal(got, want) {
		t.Errorf("checkpoint %q, want %q", got, want)
	}
	if got, err := vfs.ReadFile(s.fs, dir+"/proof/acme/tree"); err != nil || !bytes.Equal(got, whole) {
		t.Errorf("the file has %d bytes, want %d, %v", len(got), len(whole), err)
	}
}
