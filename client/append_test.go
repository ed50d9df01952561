package client_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// sent is what an append looks like to the server.
type sent struct{ Query, Type, Encoding, Key, Body string }

func appender(t *testing.T, got *[]sent, answer string) *client.Client {
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = append(*got, sent{r.Method + " " + r.URL.RequestURI(), r.Header.Get("Content-Type"),
			r.Header.Get("Content-Encoding"), r.Header.Get("Idempotency-Key"), string(body)})
		w.Header().Set("Idempotency-Replayed", "true")
		io.WriteString(w, answer)
	})
}

func TestAppend(t *testing.T) {
	var got []sent
	c := appender(t, &got, `{"accepted":1,"duplicates":1,"rejected":[{"line":2,"code":"validation_error",`+
		`"message":"no","fields":[{"field":"action","message":"unknown"}]}],"first_index":4,"last_index":4}`)
	e := audit.Event{Timestamp: audit.NoTime, Action: "read", IdentityType: "user", IdentityID: `"action":`}
	timed, named := e, e
	timed.Timestamp = 1
	named.ID, named.Timestamp = "log_x", 1
	events := []audit.Event{e, timed, named}
	receipt, err := c.Append(t.Context(), events, client.AppendOptions{Partial: true, Key: "k"})
	if err != nil {
		t.Fatal(err)
	}
	const rest = `"action":"read","identity_type":"user","identity_id":"\"action\":","secret_path":null,` +
		`"source_ip":null,"user_agent":"","success":false,"duration_ms":0,"request_id":"","extra_data":{}}`
	const at = `"timestamp":"1970-01-01T00:00:00.000001Z",`
	want := []sent{{"POST /v1/audit/logs?atomic=false", "application/json", "", "k",
		"[{" + rest + ",{" + at + rest + `,{"id":"log_x",` + at + rest + "]"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	index := uint64(4)
	wantReceipt := audit.Receipt{Accepted: 1, Duplicates: 1, Replayed: true,
		FirstIndex: &index, LastIndex: &index,
		Rejected: []audit.Rejection{{Line: 2, Code: audit.CodeValidationError, Message: "no",
			Fields: []audit.FieldError{{Field: "action", Message: "unknown"}}}}}
	if diff := cmp.Diff(wantReceipt, receipt); diff != "" {
		t.Errorf("receipt (-want +got):\n%s", diff)
	}
}

func TestAppendKeysAreRandomUnlessGiven(t *testing.T) {
	var got []sent
	c := appender(t, &got, `{}`)
	for range 2 {
		if _, err := c.AppendLines(t.Context(), []byte("{}\n"), client.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got[0].Key == "" || got[0].Key == got[1].Key {
		t.Errorf("keys %q and %q; want two keys", got[0].Key, got[1].Key)
	}
	if got[0].Type != "application/x-ndjson" || got[0].Query != "POST /v1/audit/logs" {
		t.Errorf("sent %+v", got[0])
	}
}

// A body is compressed when it is larger than the server takes plain.
func TestAppendCompresses(t *testing.T) {
	for size, encoding := range map[int]string{4 << 20: "", 4<<20 + 1: "gzip"} {
		var got []sent
		c := appender(t, &got, `{}`)
		body := strings.Repeat("x", size)
		if _, err := c.AppendLines(t.Context(), []byte(body), client.AppendOptions{}); err != nil {
			t.Fatal(err)
		}
		if got[0].Encoding != encoding {
			t.Errorf("%d bytes: encoding %q; want %q", size, got[0].Encoding, encoding)
		}
		plain := got[0].Body
		if encoding == "gzip" {
			z, err := gzip.NewReader(strings.NewReader(plain))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if _, err := b.ReadFrom(z); err != nil {
				t.Fatal(err)
			}
			plain = b.String()
		}
		if plain != body {
			t.Errorf("%d bytes: the server read another body", size)
		}
	}
}
