package blob_test

import (
	"runtime"
	"testing"
)

// TestMemoryIsBounded holds that an upload keeps a few parts in memory and not
// its object.
func TestMemoryIsBounded(t *testing.T) {
	for name, fresh := range destinations {
		t.Run(name, func(t *testing.T) {
			d := fresh(t)
			u, err := d.open(t, owner).Create(t.Context(), "e/part-0001.jsonl")
			if err != nil {
				t.Fatal(err)
			}
			defer u.Abort()
			block := pattern(1 << 20)
			before, most := liveHeap(), uint64(0)
			for i := range 32 {
				if _, err := u.Write(block); err != nil {
					t.Fatal(err)
				}
				if i%8 == 7 {
					most = max(most, liveHeap())
				}
			}
			if limit := before + 4*uint64(d.config.PartSize) + 2<<20; most > limit {
				t.Errorf("%d bytes of heap after %d before, want at most %d", most, before, limit)
			}
		})
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
