package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/scaivault/audit"
	"github.com/scaivault/audit/internal/store"
)

// A question is repeated at least and at most so often.
const (
	leastRuns = 3
	mostRuns  = 1000
)

// ask measures the questions, warm: each is asked once before it counts. The
// log's clock stands at the newest event, whose 30 days a trail sums up.
func (b *bench) ask(x *subjects) error {
	s, err := b.open(b.logDir(), x.to.Std)
	if err != nil {
		return err
	}
	defer s.Close()
	set, err := b.chosen(x.questions())
	if err != nil {
		return err
	}
	bar := newProgress(b.p, "ask", int64(len(set)), countUnit("questions"))
	defer bar.end()
	for _, q := range set {
		row, err := b.measure(s, q)
		if err != nil {
			return fmt.Errorf("question %s: %w", q.name, err)
		}
		b.report.Questions = append(b.report.Questions, row)
		bar.add(1)
	}
	return nil
}

// chosen returns the questions that --only names, all if it names none.
func (b *bench) chosen(all []question) ([]question, error) {
	if len(b.command.Only) == 0 {
		return all, nil
	}
	var set []question
	for _, name := range b.command.Only {
		i := slices.IndexFunc(all, func(q question) bool { return q.name == name })
		if i < 0 {
			return nil, audit.Errorf(audit.CodeValidationError, "--only %s: there is no such question", name)
		}
		set = append(set, all[i])
	}
	return set, nil
}

func (b *bench) measure(s *store.Store, q question) (questionRow, error) {
	rows, err := q.ask(b.p.ctx, s)
	if err != nil {
		return questionRow{}, err
	}
	row := questionRow{Name: q.name, Text: q.text, Rows: rows}
	var times []time.Duration
	begun, before := time.Now(), used()
	for len(times) < leastRuns || len(times) < mostRuns && time.Since(begun) < b.command.Time {
		asked := time.Now()
		again, err := q.ask(b.p.ctx, s)
		times = append(times, time.Since(asked))
		if err == nil && again != rows {
			err = fmt.Errorf("%d rows at first, then %d", rows, again)
		}
		if err != nil {
			return row, err
		}
	}
	row.Runs = len(times)
	row.P50, row.P99 = quantiles(times)
	row.CPU = milliseconds(used().cpu-before.cpu) / float64(row.Runs)
	return row, nil
}

// askCold asks for what is found at one place only, each time as a process does
// that has just started, on files that nobody has read.
func (b *bench) askCold(x *subjects) error {
	for _, q := range x.questions() {
		if q.name != "rare_identity" && q.name != "request_id" {
			continue
		}
		row, err := b.measureCold(x, q)
		if err != nil {
			return fmt.Errorf("question %s, cold: %w", q.name, err)
		}
		b.report.Cold = append(b.report.Cold, row)
	}
	return nil
}

func (b *bench) measureCold(x *subjects, q question) (row coldRow, err error) {
	if err := evict(b.logDir()); err != nil {
		return row, err
	}
	begun := time.Now()
	s, err := b.open(b.logDir(), x.to.Std)
	if err != nil {
		return row, err
	}
	defer s.Close()
	row = coldRow{Name: q.name, Text: q.text, Open: milliseconds(time.Since(begun))}
	asked, before := time.Now(), used()
	row.Rows, err = q.ask(b.p.ctx, s)
	after := used()
	row.Time, row.CPU = milliseconds(time.Since(asked)), milliseconds(after.cpu-before.cpu)
	row.Faults, row.DiskBytes = after.faults-before.faults, after.diskBytes-before.diskBytes
	return row, err
}
