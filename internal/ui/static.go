package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

//go:embed static
var staticFiles embed.FS

// asset is a file of the pages, ready to be sent.
type asset struct {
	body, zipped []byte
	mime, etag   string
}

// readAssets reads the embedded files and compresses them once.
func readAssets() map[string]asset {
	files, _ := fs.Sub(staticFiles, "static") // cannot fail: the folder is embedded
	assets := make(map[string]asset)
	_ = fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		sum := sha256.Sum256(body)
		var z bytes.Buffer
		w, _ := gzip.NewWriterLevel(&z, gzip.BestCompression) // the level is one of gzip's own
		w.Write(body)
		w.Close()
		assets[name] = asset{body, z.Bytes(), contentType(name), `"` + hex.EncodeToString(sum[:8]) + `"`}
		return err
	}) // cannot fail: the files are embedded
	return assets
}

// contentType returns the type of a file by its name. The usual ones do not
// depend on the tables of the machine.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".LICENSE", ".md":
		return "text/plain; charset=utf-8"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// static sends a file. Browsers ask each time whether theirs is still the one:
// an answer of a few bytes, and no page of one release runs scripts of another.
func (s *Server) static(w http.ResponseWriter, r *http.Request) {
	a, ok := s.assets[r.PathValue("file")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", a.mime)
	h.Set("ETag", a.etag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == a.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		body = a.zipped
		h.Set("Content-Encoding", "gzip")
	}
	w.Write(body)
}
