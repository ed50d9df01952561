package sink

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestCredentialsAreRedacted(t *testing.T) {
	c := credentials{"token": "s3cret"}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "c", c, "s", struct{ C credentials }{c})
	slog.New(slog.NewTextHandler(&out, nil)).Info("m", "c", c)
	fmt.Fprintf(&out, "%v %+v %#v %s %q %x %v", c, c, c, c, c, c, struct{ C credentials }{c})
	b, err := json.Marshal(map[string]any{"c": c})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	b, err = encoding.TextMarshaler(c).MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	if text := out.String(); strings.Contains(text, "s3cret") || strings.Contains(text, "733363") ||
		!strings.Contains(text, redacted) {
		t.Errorf("got %s", text)
	}
}
