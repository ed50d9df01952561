package source

import (
	"fmt"
	"reflect"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit/internal/frame"
)

// fill gives every member of a struct a value of its own.
func fill(v reflect.Value, n *int) {
	*n++
	v = reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem() // unexported members too
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint8:
		v.SetUint(uint64(*n % 256))
	case reflect.Slice:
		v.Set(reflect.ValueOf([]string{fmt.Sprintf("first %d", *n), ""}))
	default:
		panic(v.Kind())
	}
}

// TestRecord keeps every member of the entry of a request.
func TestRecord(t *testing.T) {
	n := 0
	e := new(entry)
	fill(reflect.ValueOf(e).Elem(), &n)
	e.response, e.answer = false, answer{}
	want := record{tenant: "tnt_a", until: 12345, entry: e}
	text := want.append(nil)
	got, err := readRecord(text)
	if diff := cmp.Diff(want, got, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for i := range text {
		if _, err := readRecord(text[:i]); err == nil {
			t.Fatalf("%d of %d bytes are taken for a record", i, len(text))
		}
	}
}

// FuzzRecord reads what is no record.
func FuzzRecord(f *testing.F) {
	r := record{tenant: "tnt_a", until: 1, entry: &entry{timeText: "t"}}
	f.Add(r.append(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		if r, err := readRecord(text); err == nil {
			again, err := readRecord(r.append(nil))
			if diff := cmp.Diff(r, again, cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
	})
}

// TestFrames reads a file back that lost its end, or a byte of its middle.
func TestFrames(t *testing.T) {
	const id = 7
	var file []byte
	var ends []int
	for i := range 3 {
		text := fmt.Sprintf("record %d", i)
		f := append(make([]byte, frame.Header), byte(len(text)))
		f = append(f, text...)
		journalFrames.Seal(f, id, int64(len(file)))
		file = append(file, f...)
		ends = append(ends, len(file))
	}
	for n := range len(file) + 1 {
		records, damaged := readFrames(file[:n], id)
		want := 0
		for _, end := range ends {
			if n >= end {
				want++
			}
		}
		if len(records) != want || damaged {
			t.Errorf("of %d bytes: %d records, damaged %t; want %d", n, len(records), damaged, want)
		}
	}
	for i := range file {
		broken := append([]byte(nil), file...)
		broken[i] ^= 0x20
		records, damaged := readFrames(broken, id)
		if len(records) != 2 || damaged != (i < ends[1]) {
			t.Errorf("byte %d flipped: %d records, damaged %t", i, len(records), damaged)
		}
	}
	if records, _ := readFrames(file, id+1); len(records) != 0 {
		t.Errorf("%d records of another file are taken", len(records))
	}
}
