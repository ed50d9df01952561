package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// vaultLoad writes what an audit device of a busy Vault would: the requests and
// answers of the recorded sample in turn, so that reads, writes, logins and the
// rest come in its proportions, each time with a new request id, time, secret,
// client and value. Requests overlap.
type vaultLoad struct{ pairs [][2]vaultTemplate }

// vaultTemplate is a recorded line.
type vaultTemplate struct {
	text  []byte
	slots []vaultSlot
}

// vaultSlot is a part of a line that is another one each time.
type vaultSlot struct {
	start, end int
	kind       byte // the first letter of its name in vaultSlots
}

// vaultSlots finds the parts: hashes of tokens, and of data; the time; the id of
// the request; where it came from; a user and the entity; where secrets are.
var vaultSlots = regexp.MustCompile(`(?:accessor|client_token)":"hmac-sha256:(?P<token>[0-9a-f]{64})|hmac-sha256:(?P<hash>[0-9a-f]{64})|` +
	`"time":"(?P<when>[^"]*)|"id":"(?P<id>[0-9a-f-]{36})|"remote_address":"(?P<address>[0-9.]*)|"remote_port":(?P<port>[0-9]+)|` +
	`[-/"](?P<user>alice)["-]|"(?:entity|client)_id":"(?P<entity>[0-9a-f-]{36})|"path":"secret/data/(?P<secret>)`)

const (
	vaultClients = 500
	vaultTeams   = 1000
	vaultOverlap = 4 // requests that are open at the same time
)

func newVaultLoad(tb testing.TB) *vaultLoad {
	tb.Helper()
	text, err := os.ReadFile("../../testdata/vault/audit.jsonl")
	if err != nil {
		tb.Fatal(err)
	}
	open := make(map[string]vaultTemplate)
	id := regexp.MustCompile(`"id":"([0-9a-f-]{36})"`)
	load := new(vaultLoad)
	for line := range bytes.Lines(text) {
		t := vaultTemplate{text: line}
		for _, m := range vaultSlots.FindAllSubmatchIndex(line, -1) {
			for n, name := range vaultSlots.SubexpNames() {
				if name != "" && m[2*n] >= 0 {
					t.slots = append(t.slots, vaultSlot{m[2*n], m[2*n+1], name[0]})
				}
			}
		}
		key := string(id.FindSubmatch(line)[1])
		if bytes.Contains(line, []byte(`"type":"request"`)) {
			open[key] = t
		} else if request, ok := open[key]; ok {
			load.pairs = append(load.pairs, [2]vaultTemplate{request, t})
		}
	}
	if len(load.pairs) != 147 {
		tb.Fatalf("the sample has %d pairs; want 147", len(load.pairs))
	}
	return load
}

// write writes so many requests and their answers.
func (l *vaultLoad) write(w io.Writer, requests int) error {
	out := bufio.NewWriterSize(w, 1<<20)
	var line []byte
	for n := range requests + vaultOverlap {
		if n < requests {
			line = l.pairs[n%len(l.pairs)][0].append(line[:0], n, n)
			out.Write(line)
		}
		if n -= vaultOverlap; n >= 0 {
			line = l.pairs[n%len(l.pairs)][1].append(line[:0], n, n+vaultOverlap)
			out.Write(line)
		}
	}
	return out.Flush()
}

// append appends the line of the n-th request, written at that millisecond.
func (t *vaultTemplate) append(dst []byte, n, millisecond int) []byte {
	round := n / 147
	client, team := n*7%vaultClients, round*31%vaultTeams
	at := 0
	for _, s := range t.slots {
		dst = append(dst, t.text[at:s.start]...)
		old := t.text[s.start:s.end]
		switch s.kind {
		case 't':
			dst = appendHashOf(dst, old, client)
		case 'h':
			dst = appendHashOf(dst, old, team)
		case 'w':
			when := time.Date(2026, 4, 23, 6, 0, 0, 0, time.UTC).Add(time.Duration(millisecond)*time.Millisecond + time.Duration(n%997))
			dst = when.AppendFormat(dst, time.RFC3339Nano)
		case 'i':
			sum := sha256.Sum256(strconv.AppendInt(nil, int64(n), 10))
			text := hex.EncodeToString(sum[:16])
			dst = append(dst, text[:8]+"-"+text[8:12]+"-"+text[12:16]+"-"+text[16:20]+"-"+text[20:]...)
		case 'a':
			dst = fmt.Appendf(dst, "10.20.%d.%d", client/250, client%250)
		case 'p':
			dst = strconv.AppendInt(dst, int64(32768+n%28000), 10)
		case 'u':
			dst = fmt.Appendf(dst, "user%d", client)
		case 'e':
			dst = appendHashOf(append(dst, old[:24]...), old, client)[:len(dst)+len(old)]
		case 's':
			dst = fmt.Appendf(dst, "team%d/", team)
		}
		at = s.end
	}
	return append(dst, t.text[at:]...)
}

// appendHashOf appends a hash that only this value and number give, in hex.
func appendHashOf(dst, value []byte, number int) []byte {
	var room [128]byte
	sum := sha256.Sum256(strconv.AppendInt(append(room[:0], value...), int64(number), 10))
	return hex.AppendEncode(dst, sum[:])
}
