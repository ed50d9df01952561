package export

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/blob"
)

// documentVersion is the format of documents.
const documentVersion = 1

// document is what is kept of a job. A document that others may see is not
// changed any more: its successor takes its place.
type document struct {
	Version int            `json:"version"`
	Tenant  audit.TenantID `json:"tenant"`
	Export  audit.Export   `json:"export"` // its counts are those of the finished files
	Spans   []span         `json:"spans"`  // of each finished file

	Within          []audit.Path       `json:"within"` // the row scope of who made it
	CredentialsPath audit.Path         `json:"credentials_path"`
	PartSize        int64              `json:"part_size"`
	CreatorType     audit.IdentityType `json:"creator_type"`
	RequestID       string             `json:"request_id"` // of the request that made it
	Key             string             `json:"key"`        // by which the request is known again
	Digest          string             `json:"digest"`     // of its body

	// At is the last record of the last finished file; nil if there is none.
	At *position `json:"at"`
	// Signed says that the job has evidence: proofs of each finished file of
	// lines and, once it is finishing, the checkpoint and what witnesses saw.
	Signed     bool        `json:"signed,omitempty"`
	Proofs     []fileProof `json:"proofs,omitempty"`
	Checkpoint string      `json:"checkpoint,omitempty"`
	Witnessed  *Witnessed  `json:"witnessed,omitempty"`
	// Finishing says that all files are finished and that the manifest may be
	// there: it is too late to cancel.
	Finishing bool `json:"finishing"`
}

// position is a record's place in the order of the log.
type position struct {
	Time  audit.Time `json:"time"`
	Index uint64     `json:"index"`
}

// span is the times of a file's first and last record.
type span struct {
	First audit.Time `json:"first"`
	Last  audit.Time `json:"last"`
}

// newDocument returns the document of a job that is yet to be made.
func newDocument(id audit.ExportID, tenant audit.TenantID, c audit.Caller, r *audit.ExportRequest,
	e estimate) *document {
	d := &document{
		Version: documentVersion,
		Tenant:  tenant,
		Export: audit.Export{
			ID: id, Status: audit.ExportPending, Format: r.Format, Compression: r.Compression,
			From: r.Filter.From, To: r.Filter.To, Filters: audit.ExportFilters(r.Filter),
			Destination: r.Destination, CreatedBy: c.IdentityID,
			AsOf: e.asOf, EstimatedRecords: e.records, Files: []audit.ExportFile{},
		},
		Within:          r.Filter.Within,
		CredentialsPath: r.CredentialsPath,
		PartSize:        r.PartSize,
		CreatorType:     c.IdentityType,
		RequestID:       c.RequestID,
		Key:             r.Key,
		Digest:          hex.EncodeToString(r.Digest[:]),
	}
	if d.Export.Destination.Prefix == "" {
		d.Export.Destination.Prefix = "scaivault/" + string(id)
	}
	return d
}

// decodeDocument reads a document.
func decodeDocument(data []byte) (*document, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	if d.Version != documentVersion {
		return nil, fmt.Errorf("version %d; this program reads %d", d.Version, documentVersion)
	}
	if len(d.Spans) != len(d.Export.Files) || !d.Export.ID.Valid() || !d.Export.Status.Known() {
		return nil, fmt.Errorf("its members do not go together")
	}
	if d.proves() && len(d.Proofs) != len(d.Export.Files) {
		return nil, fmt.Errorf("its files and their proofs do not go together")
	}
	return &d, nil
}

// query returns what is still to be exported.
func (d *document) query() audit.Query {
	f := audit.Filter(d.Export.Filters)
	f.From, f.To, f.Within = d.Export.From, d.Export.To, d.Within
	after := audit.Cursor{Size: d.Export.AsOf, Time: -1} // before every record
	if d.At != nil {
		after.Time, after.Index = d.At.Time, d.At.Index
	}
	return audit.Query{Filter: f, Order: audit.OrderAsc, After: &after}
}

// key returns the key of an object of the export.
func (d *document) key(name string) string { return d.Export.Destination.Prefix + "/" + name }

// partKey returns the key of the next file.
func (d *document) partKey() string {
	return d.key(PartName(len(d.Export.Files)+1, d.Export.Format, d.Export.Compression))
}

// addPart notes a finished file, the last record of which is at, and its proof
// if it has one.
func (d *document) addPart(key string, p Part, at position, proof *fileProof) {
	e := &d.Export
	e.Files = append(e.Files, p.File(key))
	e.RecordCount += p.Records
	e.SizeBytes += p.Size
	d.Spans = append(d.Spans, span{p.First, p.Last})
	if proof != nil {
		d.Proofs = append(d.Proofs, *proof)
	}
	d.At = &at
}

// start marks the job as running.
func (d *document) start(now time.Time) {
	e := &d.Export
	e.Status, e.Error = audit.ExportRunning, nil
	if e.StartedAt == nil {
		// Times of creation run ahead of a clock that stands still.
		at := max(audit.TimeOf(now), e.CreatedAt)
		e.StartedAt = &at
	}
}

// end gives the job its final status.
func (d *document) end(status audit.ExportStatus, reason *audit.ExportReason, now time.Time) {
	at := max(audit.TimeOf(now), d.Export.CreatedAt)
	d.Export.Status, d.Export.Error, d.Export.CompletedAt = status, reason, &at
	d.Finishing = false
	if status == audit.ExportCompleted {
		key := d.key(ManifestName)
		d.Export.ManifestKey = &key
	}
}

// place returns where the job is written.
func (d *document) place(c blob.Credentials) Place {
	return Place{Tenant: d.Tenant, Export: d.Export.ID, Destination: d.Export.Destination, Credentials: c}
}

// visible reports whether somebody with that row scope may know of the job: all
// that it may hold lies within the scope.
func (d *document) visible(scope []audit.Path) bool {
	if len(scope) == 0 {
		return true
	}
	for _, p := range d.Within {
		if !within(p, scope) {
			return false
		}
	}
	return len(d.Within) > 0
}

func within(p audit.Path, scope []audit.Path) bool {
	for _, s := range scope {
		if p.Within(s) {
			return true
		}
	}
	return false
}
