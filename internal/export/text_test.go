package export_test

import (
	"bytes"
	"encoding/csv"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"pgregory.net/rapid"

	"github.com/scaivault/audit"
)

var update = flag.Bool("update", false, "write what the encoders put out into the files of testdata")

// TestGolden encodes the events of each file of testdata/export and compares
// with the other sections of the file, where ␍ and ␀ stand for CR and NUL.
func TestGolden(t *testing.T) {
	names, err := filepath.Glob("testdata/export/*.txt")
	if err != nil || len(names) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			old, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			a := txtar.Parse(old)
			records := decode(t, string(a.Files[0].Data))
			show := strings.NewReplacer("\r", "␍", "\x00", "␀")
			for i := range a.Files[1:] {
				f := &a.Files[1+i]
				text := write(t, format{audit.ExportFormat(f.Name), audit.CompressionNone}, records)
				f.Data = []byte(show.Replace(string(text)))
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(old), string(txtar.Format(a))); diff != "" {
				t.Errorf("(- file, + program; -update accepts the program):\n%s", diff)
			}
		})
	}
}

// decode reads events, one per line.
func decode(t *testing.T, text string) (records []audit.Record) {
	t.Helper()
	for line := range strings.Lines(text) {
		e, err := audit.DecodeEvent(strings.TrimSuffix(line, "\n"))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		records = append(records, audit.Record{Event: e, Index: uint64(len(records))})
	}
	return records
}

func TestLinesAreCanonical(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(randomRecord(), 0, 20).Draw(rt, "records")
		var want []byte
		for i := range records {
			want = append(records[i].AppendLine(want), '\n')
		}
		got := write(t, format{audit.FormatJSONL, audit.CompressionNone}, records)
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			rt.Errorf("(- want, + got):\n%s", diff)
		}
	})
}

func TestRowsReadBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		records := rapid.SliceOfN(randomRecord(), 0, 20).Draw(rt, "records")
		want := [][]string{{"id", "timestamp", "action", "identity_type", "identity_id", "secret_path", "source_ip",
			"user_agent", "success", "duration_ms", "request_id", "extra_data"}}
		for i := range records {
			want = append(want, cells(&records[i].Event))
		}
		text := write(t, format{audit.FormatCSV, audit.CompressionNone}, records)
		got, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Errorf("(- want, + got):\n%s", diff)
		}
	})
}

// cells returns what encoding/csv is to read, which makes CRLF within a cell LF.
func cells(e *audit.Event) []string {
	row := []string{string(e.ID), e.Timestamp.String(), string(e.Action), string(e.IdentityType),
		string(e.IdentityID), string(e.SecretPath), e.SourceIP, e.UserAgent,
		strconv.FormatBool(e.Success), fmt.Sprint(e.DurationMS),
		e.RequestID, e.ExtraData}
	if e.ExtraData == "" {
		row[len(row)-1] = "{}"
	}
	for i, cell := range row {
		if cell != "" && strings.Contains("=+-@\t\r", cell[:1]) {
			cell = "'" + cell
		}
		row[i] = strings.ReplaceAll(cell, "\r\n", "\n")
	}
	return row
}

// randomRecord generates records with what events may hold and encoders may
// trip over.
func randomRecord() *rapid.Generator[audit.Record] {
	odd := rapid.SampledFrom([]rune("ab=+-@\t\r\n\x00\",;'\\ é漢🔑 {}"))
	text := rapid.StringOfN(odd, 0, 30, -1)
	printable := rapid.StringOfN(rapid.SampledFrom([]rune("ab=+-@\",;'\\ é漢🔑")), 1, 30, -1)
	extra := rapid.Custom(func(t *rapid.T) string {
		if rapid.Bool().Draw(t, "empty") {
			return ""
		}
		return string(audit.AppendString([]byte(`{"text":`), text.Draw(t, "extra"))) + "}"
	})
	return rapid.Custom(func(t *rapid.T) audit.Record {
		return audit.Record{Event: audit.Event{
			ID:           audit.DerivedID(0, rapid.Uint64Max(1<<48-1).Draw(t, "index")),
			Timestamp:    audit.Time(rapid.Int64Range(0, int64(audit.MaxTime)).Draw(t, "timestamp")),
			Action:       rapid.SampledFrom([]audit.Action{"read", "write", "rotate"}).Draw(t, "action"),
			IdentityType: rapid.SampledFrom([]audit.IdentityType{audit.TypeUser, audit.TypeSystem}).Draw(t, "type"),
			IdentityID:   audit.IdentityID(printable.Draw(t, "identity")),
			SecretPath:   audit.Path(rapid.OneOf(rapid.Just(""), printable).Draw(t, "path")),
			SourceIP:     rapid.SampledFrom([]string{"", "10.0.1.50", "2001:db8::1"}).Draw(t, "ip"),
			UserAgent:    text.Draw(t, "agent"),
			Success:      rapid.Bool().Draw(t, "success"),
			DurationMS:   rapid.Int32Min(0).Draw(t, "duration"),
			RequestID:    text.Draw(t, "request"),
			ExtraData:    extra.Draw(t, "extra"),
		}}
	})
}
