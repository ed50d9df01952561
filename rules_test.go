package audit_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/scaivault/audit"

// mayImport lists, for each package of the module, the packages of the module
// that it may import: arrows point from the outside in, and neighbours do not
// know each other. A package that is missing here fails the test.
var mayImport = map[string][]string{
	".":                nil,
	"client":           {"."},
	"internal/vfs":     nil,
	"internal/frame":   nil,
	"internal/store":   {".", "internal/frame", "internal/vfs"},
	"internal/source":  {".", "internal/frame", "internal/vfs"},
	"internal/blob":    nil,
	"internal/secrets": {".", "internal/vfs"},
	"internal/export":  {".", "internal/blob", "internal/vfs"},
	"internal/proof":   {".", "internal/vfs"},
	"internal/sample":  {"."},
	"internal/sink":    {".", "internal/vfs"},
	"internal/auth":    {".", "internal/vfs"},
	"internal/sse":     nil,
	"internal/api":     {".", "internal/sse"},
	"internal/ui":      {".", "internal/sse"},
	"cmd/scaivault-audit": {".", "client", "internal/api", "internal/auth", "internal/blob", "internal/export",
		"internal/proof", "internal/sample", "internal/secrets", "internal/sink", "internal/source", "internal/store",
		"internal/ui", "internal/vfs"},
}

// mustNotReach lists what a package must not depend on, even indirectly.
var mustNotReach = map[string][]string{
	".":               {"net/http", "log/slog", "testing"},
	"client":          {"testing"},
	"internal/vfs":    {"net/http", "testing"},
	"internal/store":  {"net/http", "database/sql", "testing"},
	"internal/source": {"net/http", "testing"},
	"internal/api":    {"database/sql", "testing"},
	"internal/ui":     {"database/sql", "testing"},
}

// mustNotSay lists text that must not stand in the non-test files below a
// folder, but for the files named in except.
var mustNotSay = []struct {
	dir, text string
	except    []string
	why       string
}{
	{"internal", `\bos\.(Getenv|LookupEnv|Exit)\b`, nil, "environment and exit belong to cmd"},
	{"internal", `\bcontext\.(Background|TODO)\(`, nil, "take the caller's context"},
	{"internal", `\bfmt\.Print`, nil, "log through the *slog.Logger that was passed in"},
	{"internal", `^func init\(`, nil, "hidden order; construct in New or Open"},
	{"internal/store", `\btime\.(Now|Since|Until)\(`, nil, "use the store's clock"},
	{"internal/store", `"os"`, nil, "reach the disk through vfs"},
	{"internal/auth", `"os"`, nil, "reach the disk through vfs"},
	{"internal/source", `"os"`, nil, "reach the disk through vfs"},
	{"internal/secrets", `"os"`, nil, "reach the disk through vfs"},
	{"internal/export", `"os"`, nil, "reach the disk through vfs"},
	{"internal/export", `\btime\.(Now|Since|Until)\(`, nil, "use the manager's clock"},
	{"internal/sink", `"os"`, nil, "reach the disk through vfs"},
	{"internal/sink", `\btime\.(Now|Since|Until)\(`, nil, "use the manager's clock"},
	{"internal/api", `http\.Status[3-5A-Z]\w*`, []string{"internal/api/error.go"},
		"the table from code to status is in api/error.go"},
	{"internal/api", `\.WriteHeader\([345]`, []string{"internal/api/error.go"},
		"the table from code to status is in api/error.go"},
}

func TestImports(t *testing.T) {
	sources(t) // so that a cached result is dropped when any file changes
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,Deps", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for dec.More() {
		var p struct {
			ImportPath    string
			Imports, Deps []string
		}
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		name, _ := local(p.ImportPath)
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("package %s is not in mayImport", name)
		}
		for _, imp := range p.Imports {
			if dep, ok := local(imp); ok && !slices.Contains(allowed, dep) {
				t.Errorf("%s must not import %s", name, dep)
			}
			if name == "." && strings.Contains(imp, ".") {
				t.Errorf("the root package imports the standard library only, not %s", imp)
			}
		}
		for _, dep := range mustNotReach[name] {
			if slices.Contains(p.Deps, dep) {
				t.Errorf("%s must not depend on %s", name, dep)
			}
		}
	}
}

func TestText(t *testing.T) {
	files := sources(t)
	for _, rule := range mustNotSay {
		re := regexp.MustCompile(rule.text)
		for name, text := range files {
			if !strings.HasPrefix(name, rule.dir+"/") || strings.HasSuffix(name, "_test.go") ||
				slices.Contains(rule.except, name) {
				continue
			}
			n := 0
			for line := range strings.Lines(text) {
				n++
				if re.MatchString(line) {
					t.Errorf("%s:%d: %s: %s", name, n, strings.TrimSpace(line), rule.why)
				}
			}
		}
	}
}

// TestDocumented asks for a comment on every package and every exported name.
func TestDocumented(t *testing.T) {
	packages := make(map[string]bool) // whether a file of the folder has the comment
	for name, text := range sources(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Dir(name)
		packages[dir] = packages[dir] || file.Doc != nil
		for _, decl := range file.Decls {
			for _, missing := range undocumented(decl) {
				t.Errorf("%s: %s has no comment", name, missing)
			}
		}
	}
	for dir, ok := range packages {
		if !ok {
			t.Errorf("package %s has no comment", dir)
		}
	}
}

// undocumented returns the exported names of a declaration without a comment.
func undocumented(decl ast.Decl) []string {
	var names []string
	switch d := decl.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && (d.Recv == nil || exportedReceiver(d)) {
			names = append(names, d.Name.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.TypeSpec:
				if d.Doc == nil && s.Doc == nil && s.Name.IsExported() {
					names = append(names, s.Name.Name)
				}
			case *ast.ValueSpec:
				if d.Doc == nil && s.Doc == nil && s.Comment == nil && s.Names[0].IsExported() {
					names = append(names, s.Names[0].Name)
				}
			}
		}
	}
	return names
}

func exportedReceiver(d *ast.FuncDecl) bool {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

// TestNoSecretLikeText keeps credentials out of the repository: a token of the
// product's own shape, a private key, a key of a cloud.
func TestNoSecretLikeText(t *testing.T) {
	secret := regexp.MustCompile(`skt_[0-9A-Za-z]{38}|-----BEGIN [A-Z ]*PRIVATE KEY|AKIA[0-9A-Z]{16}|hvs\.[0-9A-Za-z]{20}`)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (path == ".git" || path == ".parts") {
			return filepath.SkipDir
		}
		if d.IsDir() || !d.Type().IsRegular() || path == "rules_test.go" {
			return nil
		}
		b, err := os.ReadFile(path)
		if m := secret.Find(b); m != nil {
			t.Errorf("%s holds what looks like a secret: %.8s…", path, m)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// local returns the path of pkg inside the module, "." for its root.
func local(pkg string) (path string, ok bool) {
	if pkg == module {
		return ".", true
	}
	return strings.CutPrefix(pkg, module+"/")
}

// sources returns the text of every Go file of the module, by slash path.
func sources(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && path == ".parts" { // other people's programs, which tests run
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		b, err := os.ReadFile(path)
		files[filepath.ToSlash(path)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
