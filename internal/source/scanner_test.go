package source

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

// FuzzScanner reads lines with the scanner and with the decoder: what the scanner
// takes, the decoder takes with the same result.
func FuzzScanner(f *testing.F) {
	text, err := os.ReadFile("../../testdata/vault/audit.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		f.Add(line)
	}
	for _, member := range []string{
		`"id":"a\n\"b\\\u00e9\/"`, `"id":"é ` + "\u2028\x7f" + `"`, `"id":"` + "\xff" + `"`, `"id":"\ud800"`, `"id":"\x"`, `"id":"` + "\t" + `"`,
		`"id":-12.50e+3`, `"id":01`, `"id":1.`, `"id":-`, `"id":null,"id":"b"`, `"id" : "a" , "path":[]`, `"i\u0064":"a"`,
		`"data":{"a":1,"a":2,"error":"x"}`, `"data":{"a":{"b":[[[[[[[1]]]]]]]}}`, `"data":{"policies":[]}`, `"data":{"a": 1}`, `"data":{}`,
		`"data":{"a":"` + strings.Repeat("x", audit.MaxExtraData) + `","b":1}`, `"data":[1]`, `"data":{"a":tru}`, `"data":{"":{},"b":[]}`,
		`"data":{"a":1,}`, `"headers":{"X-Forwarded-For":["10.0.0.1","a\n"],"User-Agent":[]}`, `"headers":{"a":1,"b":{"c":[1,]}}`,
		`"path":"` + strings.Repeat("é", maxText) + `"`, `"namespace":{"path":"a","path":1}`, strings.Repeat(`"a":{`, 70) + strings.Repeat(`}`, 70),
	} {
		f.Add([]byte(`{"type":"request","request":{` + member + `},"auth":{"policies":["a",1,"",{}],"metadata":{"role":"r"}}}`))
		f.Add([]byte(`{"type":"response","response":{` + member + `} } ` + "\r\n"))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		start := objectStart(line)
		if start < 0 {
			return
		}
		fast := vaultParser{reader: new(reader), e: new(entry), scanner: scanner{text: string(line[start:])}}
		fast.in, fast.fast = &fast.scanner, &fast.scanner
		quickly := fast.parse(nil)
		slow := vaultParser{reader: newReader(line[start:]), e: new(entry)}
		err := slow.parse(nil)
		switch {
		case quickly != nil:
			return // the decoder reads what is odd, and refuses what the scanner refuses
		case err != nil:
			t.Fatalf("the scanner takes what the decoder does not: %v", err)
		}
		if diff := cmp.Diff(slow.e, fast.e, cmp.AllowUnexported(entry{}, caller{}, request{}, answer{})); diff != "" {
			t.Errorf("the scanner reads something else (-decoder +scanner):\n%s", diff)
		}
	})
}

// TestScannerReadsSample fails if the recorded lines are odd to the scanner.
func TestScannerReadsSample(t *testing.T) {
	text, err := os.ReadFile("../../testdata/vault/audit.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(text) {
		p := vaultParser{reader: new(reader), e: new(entry), scanner: scanner{text: string(line)}}
		p.in, p.fast = &p.scanner, &p.scanner
		if err := p.parse(nil); err != nil {
			t.Errorf("%v: %s", err, line)
		}
	}
}
