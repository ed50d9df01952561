package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// The statuses of success; those of errors are in error.go alone.
const (
	statusOK        = 200
	statusCreated   = 201
	statusAccepted  = 202
	statusNoContent = 204
)

// output is the response of a request; it remembers what was answered.
type output struct {
	http.ResponseWriter
	status int // 0 until an answer begins
	bytes  int
}

func (o *output) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *output) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = statusOK
	}
	n, err := o.ResponseWriter.Write(p)
	o.bytes += n
	return n, err
}

// Unwrap lets an [http.ResponseController] reach the connection.
func (o *output) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// answer writes v as JSON. An error means that nothing was written.
func (r *request) answer(status int, v any) error {
	body, err := encode(v)
	if err != nil {
		return err
	}
	r.write(status, body)
	return nil
}

// write writes a body of JSON. An error would mean that the client is gone.
func (r *request) write(status int, body []byte) { r.writeAs("application/json", status, body) }

// writeAs writes a body of a type.
func (r *request) writeAs(contentType string, status int, body []byte) {
	h := r.out.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	r.out.WriteHeader(status)
	r.out.Write(body)
}

// encode returns v as JSON. Strings in it that may hold any character are of
// type text.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// text is a string whose JSON has the shortest escapes (RFC 8785), which
// encoding/json alone does not give U+2028 and U+2029.
type text string

// MarshalJSON returns the string as JSON.
func (t text) MarshalJSON() ([]byte, error) {
	return audit.AppendString(nil, strings.ToValidUTF8(string(t), "\ufffd")), nil
}

// nullable returns nil for "", which JSON shows as null.
func nullable[S ~string](s S) *S {
	if s == "" {
		return nil
	}
	return &s
}

// listOf returns s, and [] in place of null.
func listOf[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// counts returns m, and {} in place of null.
func counts(m map[audit.Action]uint64) map[audit.Action]uint64 {
	if m == nil {
		return map[audit.Action]uint64{}
	}
	return m
}
