package audit_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scaivault/audit"
)

var update = flag.Bool("update", false, "write the answers of the program into the files of testdata")

// golden checks a file of behaviour: each line "> input" is followed by the
// lines that run answers to it. Other text between them is comment, which
// begins with "#", and blank lines.
func golden(t *testing.T, file string, run func(input string) string) {
	t.Helper()
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	inputs := 0
	for line := range strings.Lines(string(old)) {
		input, ok := strings.CutPrefix(line, "> ")
		if !ok && line != "\n" && line[0] != '#' {
			continue // an old answer
		}
		want.WriteString(line)
		if ok {
			inputs++
			want.WriteString(strings.TrimSuffix(run(strings.TrimSuffix(input, "\n")), "\n") + "\n")
		}
	}
	if inputs == 0 {
		t.Fatalf("%s: no inputs", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(old), "\n"), strings.Split(want.String(), "\n")); diff != "" {
		t.Errorf("%s (- file, + program; -update accepts the program):\n%s", file, diff)
	}
}

// inputs returns the inputs of a file of behaviour, as seeds for fuzzing.
func inputs(t testing.TB, file string) (in []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if input, ok := strings.CutPrefix(line, "> "); ok {
			in = append(in, strings.TrimSuffix(input, "\n"))
		}
	}
	return in
}

// explain prints an error as files of behaviour show it.
func explain(err error) string {
	var e *audit.Error
	if !errors.As(err, &e) {
		return "uncoded: " + err.Error()
	}
	if len(e.Fields) == 0 {
		return fmt.Sprintf("%s: %s", e.Code, e.Message)
	}
	var b strings.Builder
	fmt.Fprintln(&b, e.Code)
	for _, f := range e.Fields {
		fmt.Fprintf(&b, "\t%s: %s\n", f.Field, f.Message)
	}
	return b.String()
}
