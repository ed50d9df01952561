package ui

import (
	"embed"
	"html/template"
	"io"
	"io/fs"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages by their names. html/template escapes every value
// where it stands; nothing of the log is ever taken for HTML.
type templates struct{ set *template.Template }

// parseTemplates reads the embedded files. That they parse is a matter of the
// build, which a test settles.
func parseTemplates() templates {
	files, _ := fs.Sub(templateFiles, "templates") // cannot fail: the folder is embedded
	funcs := template.FuncMap{
		"number": number, "percent": percent, "size": size, "plural": plural, "visible": visible,
	}
	return templates{template.Must(template.New("").Funcs(funcs).ParseFS(files, "*.html"))}
}

func (t templates) execute(w io.Writer, name string, data any) error {
	return t.set.ExecuteTemplate(w, name, data)
}

// plural returns the word for n of something.
func plural(n uint64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// join joins words with commas.
func join(list []string) string { return strings.Join(list, ", ") }
