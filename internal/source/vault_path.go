package source

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/scaivault/audit"
)

// mountPath splits the path of a request into its mount point and the rest,
// both without the namespace. Vault writes the mount point with the namespace
// before it and the path without. A request that was refused before it reached
// a mount has none; its path then begins with one, by custom of one segment,
// or of two below auth/.
func (q *request) mountPath() (mount, rest string) {
	mount = q.mountPoint
	path := q.path
	if q.namespace != "" && strings.HasPrefix(mount, q.namespace) {
		path = strings.TrimPrefix(path, q.namespace)
		mount = strings.TrimPrefix(mount, q.namespace)
	}
	if rest, ok := strings.CutPrefix(path, mount); ok && mount != "" {
		return mount, rest
	}
	if path+"/" == mount {
		return mount, ""
	}
	n := strings.IndexByte(path, '/') + 1
	if path[:n] == "auth/" {
		n += strings.IndexByte(path[n:], '/') + 1
	}
	return path[:n], path[n:]
}

// kvMarks are the first segments below a mount of KV version 2: they say what
// is done with a secret and do not belong to its name.
var kvMarks = [...]string{"data/", "metadata/", "delete/", "undelete/", "destroy/"}

// secretPath returns what was touched: namespace, mount and path, without what
// KV version 2 puts between the two. The lines do not tell the versions apart;
// in version 1 a secret below data/ loses that segment too, as the price of
// finding all of version 2. The path as it was stays in the extra data.
func (q *request) secretPath() audit.Path {
	mount, rest := q.mountPath()
	if q.engine(mount) == engineKV && q.mountType != "cubbyhole" {
		for _, mark := range kvMarks {
			if name, ok := strings.CutPrefix(rest+"/", mark); ok {
				rest = strings.TrimSuffix(name, "/")
				break
			}
		}
	}
	namespace := strings.Trim(q.namespace, "/")
	if namespace != "" {
		namespace += "/"
	}
	return safePath(namespace + mount + rest)
}

// safePath makes a path of what is not quite one. A slash at its end goes, as
// lists have it. Slashes and dots that would make a segment empty, "." or ".."
// are percent-encoded, as are control characters and slashes after the 32nd
// segment. An overlong path ends in the hash of the whole.
func safePath(s string) audit.Path {
	s = escape(strings.TrimSuffix(s, "/"))
	if p, err := audit.ParsePath(s); s == "" || err == nil {
		return p
	}
	var b strings.Builder
	parts := strings.Split(s, "/")
	for i, part := range parts {
		switch {
		case i == 0:
		case parts[i-1] == "" || part == "" && i == len(parts)-1 || i >= audit.MaxSegments:
			b.WriteString("%2F")
		default:
			b.WriteByte('/')
		}
		if part == "." || part == ".." {
			part = strings.ReplaceAll(part, ".", "%2E")
		}
		b.WriteString(part)
	}
	return audit.Path(cutHashed(b.String(), audit.MaxPath))
}

// escape percent-encodes the characters that do not print.
func escape(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if !unprintable(r) {
			b.WriteRune(r)
			continue
		}
		for _, c := range []byte(string(r)) {
			b.WriteByte('%')
			b.WriteString(strings.ToUpper(hex.EncodeToString([]byte{c})))
		}
	}
	return b.String()
}

// unprintable reports whether r may stand in no identity and no path.
func unprintable(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
}

// cutHashed returns s if it has at most n bytes. Else it cuts it and puts the
// hash of the whole at its end, so that two long names stay two.
func cutHashed(s string, n int) string {
	if len(s) <= n {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	tail := "~" + hex.EncodeToString(sum[:8])
	return strings.TrimRight(cutText(s, n-len(tail)), "/") + tail
}

// cutText returns at most n bytes of s, by whole characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
