package audit

import (
	"strings"
)

// ExportID names an export within its tenant: "exp_" and a ULID.
type ExportID string

// exportIDPrefix begins an export id; the 26 digits of a ULID follow.
const (
	exportIDPrefix = "exp_"
	ulidDigits     = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	ulidWidth      = 26
)

// Valid reports whether id has the shape of an export id.
func (id ExportID) Valid() bool {
	tail, ok := strings.CutPrefix(string(id), exportIDPrefix)
	return ok && len(tail) == ulidWidth && strings.Trim(tail, ulidDigits) == ""
}

// ExportFormat is how the files of an export hold events.
type ExportFormat string

// The formats of exports.
const (
	FormatJSONL   ExportFormat = "jsonl"   // canonical lines, each with a line end
	FormatCSV     ExportFormat = "csv"     // RFC 4180 with a header row
	FormatParquet ExportFormat = "parquet" // for DuckDB, ClickHouse and the like
)

// Compression is how the files of an export are compressed.
type Compression string

// The compressions of exports. Parquet compresses within its files, so it
// takes CompressionNone only.
const (
	CompressionNone Compression = "none"
	CompressionGzip Compression = "gzip"
	CompressionZstd Compression = "zstd"
)

// DestinationType is a kind of place that exports are written to.
type DestinationType string

// The types of destinations.
const (
	DestinationS3    DestinationType = "s3"
	DestinationGCS   DestinationType = "gcs"
	DestinationAzure DestinationType = "azure_blob" // Bucket is the container
	// DestinationFile is a directory that the operator allowed: Bucket, or the
	// first one if that is "".
	DestinationFile DestinationType = "file"
)

// Destination is where an export is written. Addresses and credentials are not
// part of it: they come from a secret.
type Destination struct {
	Type   DestinationType `json:"type"`
	Bucket string          `json:"bucket"`
	Prefix string          `json:"prefix"` // of every key, without a slash at its end
}

// ExportStatus is how far an export is.
type ExportStatus string

// The statuses of exports. The last three are final.
const (
	ExportPending   ExportStatus = "pending"
	ExportRunning   ExportStatus = "running"
	ExportPaused    ExportStatus = "paused" // waits for somebody who may read its credentials
	ExportCompleted ExportStatus = "completed"
	ExportFailed    ExportStatus = "failed"
	ExportCancelled ExportStatus = "cancelled"
)

// Known reports whether s is a status of exports.
func (s ExportStatus) Known() bool {
	switch s {
	case ExportPending, ExportRunning, ExportPaused:
		return true
	}
	return s.Final()
}

// Final reports whether an export with this status stays as it is.
func (s ExportStatus) Final() bool {
	return s == ExportCompleted || s == ExportFailed || s == ExportCancelled
}

// CodeCredentialsNeeded is the code of a paused export. It stands in
// [Export.Error] only; no request is answered with it.
const CodeCredentialsNeeded Code = "credentials_needed"

// Export is what is known of an export. It holds exactly the events below AsOf
// that its filters select, the oldest first.
type Export struct {
	ID          ExportID      `json:"export_id"`
	Status      ExportStatus  `json:"status"`
	Format      ExportFormat  `json:"format"`
	Compression Compression   `json:"compression"`
	From        *Time         `json:"from"` // inclusive; nil is the beginning
	To          *Time         `json:"to"`   // exclusive; nil is the end
	Filters     ExportFilters `json:"filters"`
	Destination Destination   `json:"destination"`
	CreatedBy   IdentityID    `json:"created_by"`
	CreatedAt   Time          `json:"created_at"` // no two exports of a tenant have the same
	StartedAt   *Time         `json:"started_at"`
	CompletedAt *Time         `json:"completed_at"` // when it got its final status
	AsOf        uint64        `json:"as_of"`        // the log's size when it was made
	// EstimatedRecords is the number of events that will be written: exact,
	// unless counting takes too long; then it is the most there can be.
	EstimatedRecords uint64 `json:"estimated_records"`
	RecordCount      uint64 `json:"record_count"` // events written
	SizeBytes        int64  `json:"size_bytes"`   // bytes written
	// Progress is from 0 to 1, and 1 only once the export is completed.
	Progress    float64       `json:"progress"`
	Files       []ExportFile  `json:"files"`        // finished ones, in their order
	ManifestKey *string       `json:"manifest_key"` // nil until it is written, after all files
	Error       *ExportReason `json:"error"`        // why it failed or is paused
}

// ExportFile is a finished file of an export.
type ExportFile struct {
	Key         string `json:"key"`
	SizeBytes   int64  `json:"size_bytes"`
	RecordCount uint64 `json:"record_count"`
	SHA256      string `json:"sha256"` // of its bytes, 64 hex digits
}

// ExportReason says why an export does not go on.
type ExportReason struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// ExportPage is a part of a tenant's exports, the newest first.
type ExportPage struct {
	Exports []Export
	Next    *Cursor // nil if nothing follows
}

// ExportPlan is what an export would be, and whether it could be made.
type ExportPlan struct {
	EstimatedRecords uint64        `json:"estimated_records"` // as in [Export]
	EstimatedBytes   uint64        `json:"estimated_bytes"`   // from a sample of its events
	EstimatedParts   uint64        `json:"estimated_parts"`
	Checks           []ExportCheck `json:"checks"`
}

// ExportCheck is one thing that was tried before an export.
type ExportCheck struct {
	Name    string `json:"name"`
	OK      bool   `json:"ok"`
	Message string `json:"message"` // what is wrong, else ""
}

// ExportQuery lists exports.
type ExportQuery struct {
	Status ExportStatus // "" is any
	Limit  int          // 1 to MaxLimit; 0 is DefaultLimit
	Cursor string
	After  *Cursor
	Within []Path // the row scope of whoever asks, as in [Filter]
}

// Caller is who asks for an export, with what the event about it tells of the
// request.
type Caller struct {
	*Principal
	// Bearer is the token of the request. A secrets manager that is asked for
	// credentials on the caller's behalf gets it; it is kept nowhere.
	Bearer    string
	RequestID string
}
