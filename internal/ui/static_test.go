package ui_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestVendor compares the files of others with the list of their hashes.
func TestVendor(t *testing.T) {
	dir := "static/vendor"
	list, err := os.ReadFile(filepath.Join(dir, "VENDOR.md"))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^([0-9a-f]{64})  (\S+)$`).FindAllStringSubmatch(string(list), -1) {
		want[m[2]] = m[1]
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if f.Name() == "VENDOR.md" {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b)
		if got := hex.EncodeToString(sum[:]); got != want[f.Name()] {
			t.Errorf("%s has the SHA-256 %s, the list says %q", f.Name(), got, want[f.Name()])
		}
		delete(want, f.Name())
	}
	for name := range want {
		t.Errorf("%s is listed and missing", name)
	}
}

// TestVendorIsWhatWasReleased compares them with the packages that they come
// from, as .ci/parts installs them.
func TestVendorIsWhatWasReleased(t *testing.T) {
	dir, modules := "static/vendor", "../../.parts/pages/node_modules"
	list, err := os.ReadFile(filepath.Join(dir, "VENDOR.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| `([^`@]+)@([^`]+)` \\| `([^`]+)` \\|").FindAllStringSubmatch(string(list), -1)
	if len(rows) != 3 {
		t.Fatalf("%d files are listed with their packages, want 3", len(rows))
	}
	for _, row := range rows {
		file, name, version, path := row[1], row[2], row[3], row[4]
		about, err := os.ReadFile(filepath.Join(modules, name, "package.json"))
		if err != nil {
			skip := t.Skipf
			if os.Getenv("SCAIVAULT_TEST_REQUIRE_PARTS") == "1" {
				skip = t.Fatalf
			}
			skip("NOT TESTED: %s is not installed: run `.ci/parts`, or `make test`, which does", name)
		}
		if want := `"version": "` + version + `"`; !bytes.Contains(about, []byte(want)) {
			t.Errorf("the package %s that is installed has not %s", name, want)
		}
		released, err := os.ReadFile(filepath.Join(modules, name, path))
		if err != nil {
			t.Fatal(err)
		}
		ours, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(ours, released) {
			t.Errorf("%s is not %s of %s %s", file, path, name, version)
		}
	}
}

// maxFirstPage is what the first page may take in bytes, with all that it loads.
const maxFirstPage = 120_000

func TestFirstPageIsSmall(t *testing.T) {
	s := start(t)
	s.fill(t, "tnt_a", 10_000)
	b := s.signIn(t, "admin")
	zipped := func(target string) int {
		r := b.get(target, "Accept-Encoding", "gzip")
		if r.StatusCode != http.StatusOK || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s: %s, encoding %q", target, r.Status, r.Header.Get("Content-Encoding"))
		}
		if _, err := gzip.NewReader(bytes.NewReader([]byte(r.body))); err != nil {
			t.Errorf("%s: %v", target, err)
		}
		return len(r.body)
	}
	total := zipped("/ui/?range=30d")
	loads := regexp.MustCompile(`(?:src|href)="(/ui/static/[^"]+)"`)
	modules := regexp.MustCompile(`from '\./([a-z]+\.js)'`)
	for _, m := range loads.FindAllStringSubmatch(b.page("/ui/"), -1) {
		total += zipped(m[1])
	}
	for _, m := range modules.FindAllStringSubmatch(b.page("/ui/static/app.js"), -1) {
		total += zipped("/ui/static/" + m[1])
	}
	if total > maxFirstPage {
		t.Errorf("the first page has %d bytes, want at most %d", total, maxFirstPage)
	}
	t.Logf("the first page has %d bytes", total)
}

func TestStaticFiles(t *testing.T) {
	b := start(t).browser(t) // no session is needed
	r := b.get("/ui/static/app.css")
	if got := r.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
		t.Errorf("type %q", got)
	}
	again := b.get("/ui/static/app.css", "If-None-Match", r.Header.Get("ETag"))
	if again.StatusCode != http.StatusNotModified || again.body != "" {
		t.Errorf("with its ETag: %s", again.Status)
	}
	for _, name := range []string{"nope.js", "", "vendor", "../ui.go"} {
		if r := b.get("/ui/static/" + name); r.StatusCode == http.StatusOK {
			t.Errorf("%q is served", name)
		}
	}
}
