package audit

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Limits of an export's request.
const (
	// MaxExportBody is the longest body of a request in bytes.
	MaxExportBody = 64 << 10
	// DefaultPartSize is the size in bytes after which a file of an export is
	// followed by the next, unless the request says otherwise.
	DefaultPartSize = 128 << 20
	// MinPartSize and MaxPartSize are the bounds of what it may say.
	MinPartSize = 64 << 10
	MaxPartSize = 4 << 30
	// MaxPrefix is the longest prefix of keys in bytes.
	MaxPrefix = 512
)

// ExportRequest asks for an export.
type ExportRequest struct {
	Filter      Filter // Within comes from who asks
	Format      ExportFormat
	Compression Compression
	PartSize    int64 // in bytes
	Destination Destination
	// CredentialsPath is the secret that holds the credentials of the
	// destination; "" for [DestinationFile].
	CredentialsPath Path
	// Key, if not "", makes the request repeatable for a day: another one with
	// the same key and Digest is answered with the first one's export.
	Key string
	// Digest is the SHA-256 of the request's body; used with Key.
	Digest [32]byte
}

// MarshalJSON returns the body that [DecodeExportRequest] reads.
func (r ExportRequest) MarshalJSON() ([]byte, error) {
	type destination struct {
		Type            DestinationType `json:"type"`
		Bucket          string          `json:"bucket,omitempty"`
		Prefix          string          `json:"prefix,omitempty"`
		CredentialsPath Path            `json:"credentials_path,omitempty"`
	}
	return json.Marshal(struct {
		From        *Time         `json:"from,omitempty"`
		To          *Time         `json:"to,omitempty"`
		Filters     ExportFilters `json:"filters"`
		Format      ExportFormat  `json:"format"`
		Compression Compression   `json:"compression,omitempty"`
		PartSize    int64         `json:"part_size_bytes,omitempty"`
		Destination destination   `json:"destination"`
	}{r.Filter.From, r.Filter.To, ExportFilters(r.Filter), r.Format, r.Compression, r.PartSize,
		destination{r.Destination.Type, r.Destination.Bucket, r.Destination.Prefix, r.CredentialsPath}})
}

// DecodeExportRequest reads the body of a request. Text that is not an object
// of strict JSON, as for [DecodeEvent], is a [CodeInvalidRequest]; unknown
// members and bad values are a [CodeValidationError] that lists every offender.
func DecodeExportRequest(body string) (ExportRequest, error) {
	if err := checkSyntax(body); err != nil {
		return ExportRequest{}, err
	}
	members, err := objectMembers(body)
	if err != nil {
		return ExportRequest{}, err
	}
	var bad []FieldError
	b := bodyReader{members: members, bad: &bad}
	r := ExportRequest{Filter: b.filter(), Format: b.format()}
	r.Compression = b.compression(r.Format)
	r.PartSize = int64(b.number("part_size_bytes", MinPartSize, MaxPartSize, DefaultPartSize))
	if d := b.object("destination"); d != nil {
		r.Destination, r.CredentialsPath = d.destination()
		d.end()
	} else {
		b.fail("destination", "is required")
	}
	b.end()
	return r, Invalid(bad)
}

// filter reads from, to and filters.
func (b *bodyReader) filter() Filter {
	period := Params{}
	for _, name := range []string{"from", "to"} {
		if v, ok := b.text(name); ok {
			period[name] = v
		}
	}
	var members map[string]string
	if f := b.object("filters"); f != nil {
		members = f.members
	}
	f, bad := readFilters(members, period)
	*b.bad = append(*b.bad, bad...)
	if f.From != nil && f.To != nil && *f.From >= *f.To && len(bad) == 0 {
		b.fail("from", "want a time before to")
	}
	if text, _ := ExportFilters(f).MarshalJSON(); len(text) > MaxExportFilters {
		b.fail("filters", fmt.Sprintf("want at most %d bytes", MaxExportFilters))
	}
	return f
}

func (b *bodyReader) format() ExportFormat {
	v, _ := b.text("format")
	switch f := ExportFormat(v); f {
	case FormatJSONL, FormatCSV, FormatParquet:
		return f
	}
	b.fail("format", "want jsonl, csv or parquet")
	return ""
}

func (b *bodyReader) compression(f ExportFormat) Compression {
	v, ok := b.text("compression")
	if !ok {
		return CompressionNone
	}
	c := Compression(v)
	switch c {
	case CompressionNone:
	case CompressionGzip, CompressionZstd:
		if f == FormatParquet {
			b.fail("compression", "want none: parquet compresses within its files")
		}
	default:
		b.fail("compression", "want none, gzip or zstd")
	}
	return c
}

// destination reads the members of destination.
func (b *bodyReader) destination() (Destination, Path) {
	kind, _ := b.text("type")
	bucket, _ := b.text("bucket")
	prefix, _ := b.text("prefix")
	path, hasPath := b.text("credentials_path")
	d := Destination{Type: DestinationType(kind), Bucket: bucket, Prefix: strings.TrimSuffix(prefix, "/")}
	rule, known := bucketRules[d.Type]
	if !known {
		b.fail("type", "want s3, gcs, azure_blob or file")
	} else if !rule.holds(bucket) {
		b.fail("bucket", rule.want)
	}
	if prefix != "" {
		if rule := prefixRule(d.Prefix); rule != "" {
			b.fail("prefix", rule)
		}
	}
	switch {
	case d.Type == DestinationFile && hasPath:
		b.fail("credentials_path", "want none for type file")
	case d.Type != DestinationFile && known && !hasPath:
		b.fail("credentials_path", "is required: the path of the secret with the credentials")
	case hasPath:
		if rule := pathRule(path); rule != "" {
			b.fail("credentials_path", rule)
		}
	}
	return d, Path(path)
}

// bucketRule is what the name of a bucket must look like. It becomes part of a
// host or a URL: nothing that means something there is let through.
type bucketRule struct {
	name *regexp.Regexp
	want string
}

var bucketRules = map[DestinationType]bucketRule{
	DestinationS3: {regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`),
		"want 3 to 63 of a-z, 0-9, - and ., as S3 names buckets"},
	DestinationGCS: {regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$`),
		"want 3 to 222 of a-z, 0-9, -, _ and ., as Google Cloud Storage names buckets"},
	DestinationAzure: {regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`),
		"want 3 to 63 of a-z, 0-9 and -, as Azure names containers"},
	DestinationFile: {regexp.MustCompile(`^(/.{1,511})?$`),
		"want an absolute directory that the operator allowed, or leave it out"},
}

func (r *bucketRule) holds(s string) bool {
	_, notIP := netip.ParseAddr(s)
	return r.name.MatchString(s) && !strings.Contains(s, "..") && notIP != nil
}

// prefixRule returns the rule that s breaks as a prefix of keys, or "". It is
// that of paths but for the number of segments, and without what a URL, a
// shell or another operating system reads as something else.
func prefixRule(s string) string {
	if s == "" || len(s) > MaxPrefix {
		return fmt.Sprintf("want 1 to %d bytes", MaxPrefix)
	}
	if strings.ContainsAny(s, `\?#`) {
		return `want none of \, ? and #`
	}
	for segment := range strings.SplitSeq(s, "/") {
		switch segment {
		case "":
			return "want no leading or doubled /"
		case ".", "..":
			return "want no segment . or .."
		}
	}
	return ""
}
