package audit

// ExportID names an export within its tenant: "exp_" and a ULID.
type ExportID string

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
	DestinationFile  DestinationType = "file"       // Bucket is a directory that the operator allowed
)
