package main

import "time"

// benchReport is what a run measured. Times are in seconds or, where the name
// ends in ms, in milliseconds; CPU is the time of all processors.
type benchReport struct {
	Machine     machine       `json:"machine"`
	Events      int           `json:"events"` // in the log that is asked, of all tenants
	Tenants     int           `json:"tenants"`
	Load        []loadRow     `json:"load"`
	PeakRSS     int64         `json:"peak_rss_bytes,omitempty"` // while loading, the bench's own 200 MB included
	Disk        []diskRow     `json:"disk"`
	Open        openRow       `json:"open"`
	OpenTenants *openRow      `json:"open_tenants,omitempty"` // and each tenant was asked once
	Questions   []questionRow `json:"questions"`
	Cold        []coldRow     `json:"cold,omitempty"`
	Exports     []exportRow   `json:"exports,omitempty"`
	Beside      *besideRow    `json:"beside_export,omitempty"`
}

// loadRow is a way of filling a log.
type loadRow struct {
	Name    string  `json:"name"` // append, append_seal, http, load, seal, or import: load and seal together
	Events  int     `json:"events"`
	Bytes   int64   `json:"bytes,omitempty"` // of lines
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu_seconds"`
	Rate    float64 `json:"events_per_second"`
	AckP50  float64 `json:"ack_p50_ms,omitempty"` // from the call to the answer
	AckP99  float64 `json:"ack_p99_ms,omitempty"`
	// Refused is how often a batch was refused for a moment, since too many
	// events were waiting to be sealed.
	Refused int `json:"refused"`
}

// loaded adds a row with its times.
func (r *benchReport) loaded(row loadRow, wall, cpu time.Duration) {
	row.Seconds, row.CPU = wall.Seconds(), cpu.Seconds()
	if row.Events > 0 {
		row.Rate = float64(row.Events) / row.Seconds
	}
	r.Load = append(r.Load, row)
}

// diskRow is what a kind of file takes.
type diskRow struct {
	Kind     string  `json:"kind"` // segments, wal, other
	Files    int     `json:"files"`
	Bytes    int64   `json:"bytes"`
	PerEvent float64 `json:"bytes_per_event"`
}

// openRow is the opening of the log, and what the process holds then.
type openRow struct {
	Time float64 `json:"ms"`
	CPU  float64 `json:"cpu_ms"`
	memory
}

// questionRow is how fast a question is answered.
type questionRow struct {
	Name string  `json:"name"`
	Text string  `json:"text"`
	Rows int     `json:"rows"`
	Runs int     `json:"runs"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	CPU  float64 `json:"cpu_ms"` // of one run
}

// coldRow is a question that was answered from the disk.
type coldRow struct {
	Name      string  `json:"name"`
	Text      string  `json:"text"`
	Rows      int     `json:"rows"`
	Open      float64 `json:"open_ms"` // before it was asked
	Time      float64 `json:"ms"`
	CPU       float64 `json:"cpu_ms"`
	Faults    int64   `json:"major_faults"`
	DiskBytes int64   `json:"disk_bytes"`
}

// exportRow is an export of the whole log of the first tenant.
type exportRow struct {
	Name      string  `json:"name"` // what its files end in
	To        string  `json:"to"`   // the type of the destination
	Events    int     `json:"events"`
	Bytes     int64   `json:"bytes"` // of the canonical lines, whatever the form
	FileBytes int64   `json:"file_bytes"`
	Seconds   float64 `json:"seconds"`
	CPU       float64 `json:"cpu_seconds"`
	Heap      int64   `json:"peak_heap_bytes"` // more than before, garbage included
}

// besideRow is how often a client could append a batch and ask a question in
// turn, each second.
type besideRow struct {
	Alone  float64 `json:"alone_per_second"`
	Beside float64 `json:"beside_per_second"`
	Ratio  float64 `json:"ratio"`
}
