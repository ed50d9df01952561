package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// print prints the report as tables or as JSON.
func (r *benchReport) print(p *process, asJSON bool) error {
	if asJSON {
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		return p.printJSON(text)
	}
	fmt.Fprintf(p.stdout, "scaivault-audit %s, %s, %s, %s\n%s events of %s\n", r.Machine.Version, r.Machine.Go,
		r.Machine.Platform, plural(r.Machine.CPUs, "CPU", "CPUs"),
		grouped(r.Events), plural(r.Tenants, "tenant", "tenants"))
	for _, l := range []listing{r.loadTable(), r.diskTable(), r.openTable(), r.questionTable(), r.coldTable(),
		r.exportTable(), r.besideTable()} {
		if len(l.rows) == 0 {
			continue
		}
		fmt.Fprintln(p.stdout)
		if err := p.printTable(l); err != nil {
			return err
		}
	}
	return nil
}

func (r *benchReport) loadTable() listing {
	l := listing{numbers: 1,
		headers: []string{"LOAD", "EVENTS", "SECONDS", "CPU s", "EVENTS/s", "EVENTS/CPU s", "ACK P50 ms", "P99 ms"}}
	for _, x := range r.Load {
		row := []string{x.Name, "", seconds(x.Seconds), seconds(x.CPU), "", "", "", ""}
		if x.Events > 0 {
			row[1], row[4], row[5] = grouped(x.Events), grouped(int(x.Rate)), grouped(int(float64(x.Events)/x.CPU))
		}
		if x.AckP99 > 0 {
			row[6], row[7] = figure(x.AckP50), figure(x.AckP99)
		}
		l.rows = append(l.rows, row)
	}
	return l
}

func (r *benchReport) diskTable() listing {
	l := listing{numbers: 1, headers: []string{"DISK", "FILES", "BYTES", "BYTES/EVENT"}}
	for _, x := range r.Disk {
		l.rows = append(l.rows, []string{x.Kind, grouped(x.Files), grouped(int(x.Bytes)),
			strconv.FormatFloat(x.PerEvent, 'f', 2, 64)})
	}
	return l
}

func (r *benchReport) openTable() listing {
	l := listing{numbers: 1, headers: []string{"OPEN", "ms", "CPU ms", "HEAP", "RSS", "NOT OF FILES"}}
	add := func(name string, x *openRow) {
		l.rows = append(l.rows, []string{name, figure(x.Time), figure(x.CPU), megabytes(x.Heap), megabytes(x.RSS),
			megabytes(x.Anonymous)})
	}
	add("open", &r.Open)
	if r.OpenTenants != nil {
		add("and ask each tenant", r.OpenTenants)
	}
	if r.PeakRSS > 0 {
		l.rows = append(l.rows, []string{"while loading, at most", "", "", "", megabytes(r.PeakRSS), ""})
	}
	return l
}

func (r *benchReport) questionTable() listing {
	l := listing{numbers: 1, headers: []string{"QUESTION", "ROWS", "RUNS", "P50 ms", "P99 ms", "CPU ms"}}
	for _, x := range r.Questions {
		l.rows = append(l.rows, []string{x.Text, grouped(x.Rows), grouped(x.Runs),
			figure(x.P50), figure(x.P99), figure(x.CPU)})
	}
	return l
}

func (r *benchReport) coldTable() listing {
	l := listing{numbers: 1,
		headers: []string{"COLD", "ROWS", "OPEN ms", "ms", "CPU ms", "MAJOR FAULTS", "READ FROM DISK"}}
	for _, x := range r.Cold {
		l.rows = append(l.rows, []string{x.Text, grouped(x.Rows), figure(x.Open), figure(x.Time), figure(x.CPU),
			grouped(int(x.Faults)), megabytes(x.DiskBytes)})
	}
	return l
}

func (r *benchReport) exportTable() listing {
	l := listing{numbers: 1, headers: []string{"EXPORT", "EVENTS", "LINES", "FILES", "SECONDS", "CPU s", "LINES/CPU s",
		"EVENTS/CPU s", "HEAP"}}
	for _, x := range r.Exports {
		l.rows = append(l.rows, []string{x.Name, grouped(x.Events), megabytes(x.Bytes), megabytes(x.FileBytes),
			seconds(x.Seconds), seconds(x.CPU), megabytes(int64(float64(x.Bytes) / x.CPU)),
			grouped(int(float64(x.Events) / x.CPU)), megabytes(x.Heap)})
	}
	return l
}

func (r *benchReport) besideTable() listing {
	l := listing{numbers: 1, headers: []string{"BESIDE AN EXPORT", "ALONE /s", "BESIDE /s", "RATIO"}}
	if x := r.Beside; x != nil {
		l.rows = append(l.rows, []string{"append and ask in turn", figure(x.Alone), figure(x.Beside),
			strconv.FormatFloat(x.Ratio, 'f', 2, 64)})
	}
	return l
}

// grouped returns n with commas.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func seconds(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB" }

// figure returns a number of milliseconds to three digits or to a microsecond.
func figure(x float64) string {
	switch {
	case x < 1:
		return strconv.FormatFloat(x, 'f', 3, 64)
	case x < 10:
		return strconv.FormatFloat(x, 'f', 2, 64)
	case x < 100:
		return strconv.FormatFloat(x, 'f', 1, 64)
	}
	return grouped(int(x + 0.5))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// quantiles returns the median and the 99th percentile in milliseconds, by
// nearest rank.
func quantiles(times []time.Duration) (p50, p99 float64) {
	slices.Sort(times)
	rank := func(percent int) float64 { return milliseconds(times[(len(times)*percent+99)/100-1]) }
	return rank(50), rank(99)
}
