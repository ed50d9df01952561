package main

import (
	"fmt"
	"io"
	"strconv"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/scaivault/audit"
	"github.com/scaivault/audit/client"
)

// timeLayout is as fine as people compare times; --from and --to read it back.
const timeLayout = "2006-01-02T15:04:05.000Z"

const (
	gap = 2 // between columns
	// narrowest is the width below which wrapped cells leave no column
	// readable: the terminal itself breaks the lines then.
	narrowest = 60
	// roomy is the width from which an address leaves room for the rest.
	roomy = 100
)

var (
	heading = lipgloss.NewStyle().Bold(true).PaddingRight(gap)
	cell    = lipgloss.NewStyle().PaddingRight(gap)
	alarm   = lipgloss.NewStyle().Foreground(lipgloss.Red)
)

// listing is a table of visible text.
type listing struct {
	headers []string
	rows    [][]string
	failed  func(row int) bool // rows to set off; nil for none
	rigid   int                // the first columns, which are not wrapped
	spare   int                // the last columns, which go if the terminal is too narrow
	numbers int                // the first column of numbers, which are right-aligned; 0 for none
}

// printTable prints a listing. On a terminal that is narrower it goes without
// spare columns, then cells are wrapped; what they say is never cut.
func (p *process) printTable(l listing) error {
	text := l.render(0)
	for ; lipgloss.Width(text) > p.width && l.spare > 0; l.spare-- {
		l.headers = l.headers[:len(l.headers)-1]
		for i, row := range l.rows {
			l.rows[i] = row[:len(l.headers)]
		}
		text = l.render(0)
	}
	if lipgloss.Width(text) > p.width && p.width >= narrowest {
		text = l.render(p.width)
	}
	_, err := lipgloss.Fprintln(p.stdout, text)
	return err
}

// render returns the table, wrapped to width unless that is 0.
func (l *listing) render(width int) string {
	var rigid []int
	if width > 0 {
		rigid = l.widths(l.rigid)
	}
	t := table.New().Headers(l.headers...).Rows(l.rows...).Border(lipgloss.NormalBorder()).
		BorderTop(false).BorderBottom(false).BorderLeft(false).BorderRight(false).BorderColumn(false).
		StyleFunc(func(row, col int) lipgloss.Style {
			style := cell
			switch {
			case row == table.HeaderRow:
				style = heading
			case l.failed != nil && l.failed(row):
				style = cell.Inherit(alarm)
			}
			if col < len(rigid) {
				style = style.Width(rigid[col])
			}
			if l.numbers > 0 && col >= l.numbers {
				style = style.Align(lipgloss.Right)
			}
			return style
		})
	if width > 0 {
		t.Width(width)
	}
	return t.String()
}

// widths returns how wide the first n columns are with the gap behind them.
func (l *listing) widths(n int) []int {
	widths := make([]int, n)
	for col := range widths {
		widths[col] = lipgloss.Width(l.headers[col])
		for _, row := range l.rows {
			widths[col] = max(widths[col], lipgloss.Width(row[col]))
		}
		widths[col] += gap
	}
	return widths
}

// printEntries prints events as a table.
func (p *process) printEntries(entries []client.Entry) error {
	if len(entries) == 0 {
		_, err := fmt.Fprintln(p.stdout, "No events.")
		return err
	}
	rows := make([][]string, len(entries))
	for i := range entries {
		e := &entries[i]
		rows[i] = []string{showTime(e.Timestamp), visible(string(e.Action)), outcome(e.Success),
			visible(string(e.IdentityID)), showPath(e.SecretPath), visible(e.SourceIP), visible(string(e.ID))}
	}
	spare := 1 // the id
	if p.width < roomy {
		spare = 2 // and the address
	}
	return p.printTable(listing{
		headers: []string{"TIME", "ACTION", "RESULT", "IDENTITY", "SECRET", "SOURCE", "ID"},
		rows:    rows, rigid: 3, spare: spare,
		failed: func(row int) bool { return !entries[row].Success },
	})
}

// printEntry prints one event as a line, for lists that have no end.
func (p *process) printEntry(e *client.Entry) error {
	line := fmt.Sprintf("%s  %-6s  %-16s  %-28s  %-40s  %s", showTime(e.Timestamp), outcome(e.Success),
		visible(string(e.Action)), visible(string(e.IdentityID)), showPath(e.SecretPath), visible(e.SourceIP))
	if !e.Success {
		line = alarm.Render(line)
	}
	_, err := lipgloss.Fprintln(p.stdout, line)
	return err
}

// printCounts prints names with their counts, right-aligned.
func printCounts(w io.Writer, title string, names []string, counts []uint64) {
	if len(names) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	width := 0
	for _, n := range counts {
		width = max(width, len(strconv.FormatUint(n, 10)))
	}
	for i, name := range names {
		fmt.Fprintf(w, "  %*d  %s\n", width, counts[i], visible(name))
	}
}

// plural returns n with the noun that it counts.
func plural[N int | uint64](n N, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

func showTime(t audit.Time) string { return t.Std().Format(timeLayout) }

func showPath(path audit.Path) string {
	if path == "" {
		return "-"
	}
	return visible(string(path))
}

func outcome(success bool) string {
	if success {
		return "ok"
	}
	return "failed"
}
