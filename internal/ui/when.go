package ui

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// when is an instant as pages show it: how long ago, and exactly.
type when struct {
	Rel   string // 3 s ago, or the day if that is long ago
	Abs   string // Nov 23 14:32:04
	Milli string // .281
	ISO   string
	Full  string // 2026-11-23 14:32:04.281000 UTC
	Day   string // Nov 23, 2026
}

func newWhen(t, now audit.Time) when {
	std := t.Std()
	abs := "Jan 2 15:04:05"
	if std.Year() != now.Std().Year() {
		abs = "Jan 2 2006 15:04:05"
	}
	return when{
		Rel: ago(t, now), Abs: std.Format(abs), Milli: std.Format(".000"), ISO: t.String(),
		Full: std.Format("2006-01-02 15:04:05.000000") + " UTC", Day: std.Format("Jan 2, 2006"),
	}
}

// ago returns how long before now t is, in the largest unit that fits; beyond
// thirty days, and ahead of now, it is the date.
func ago(t, now audit.Time) string {
	d := now - t
	switch {
	case d < -audit.Second || d >= 30*audit.Day:
		if t.Std().Year() == now.Std().Year() {
			return t.Std().Format("Jan 2")
		}
		return t.Std().Format("Jan 2, 2006")
	case d < audit.Second:
		return "now"
	case d < audit.Minute:
		return fmt.Sprintf("%d s ago", d/audit.Second)
	case d < audit.Hour:
		return fmt.Sprintf("%d min ago", d/audit.Minute)
	case d < audit.Day:
		return fmt.Sprintf("%d h ago", d/audit.Hour)
	}
	return fmt.Sprintf("%d d ago", d/audit.Day)
}

// number writes n with a comma between thousands.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, c := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// percent writes part of whole; an en dash if there is no whole.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "–"
	}
	p := 100 * float64(part) / float64(whole)
	switch {
	case part == 0 || part == whole:
		return fmt.Sprintf("%.0f %%", p)
	case p < 0.01:
		return "< 0.01 %"
	case p > 99.99:
		return "> 99.99 %"
	case p < 1 || p > 99:
		return fmt.Sprintf("%.2f %%", p)
	}
	return fmt.Sprintf("%.1f %%", p)
}

// change writes by how much now differs from before; "" if that says nothing.
func change(now, before uint64) string {
	switch {
	case before == 0:
		return ""
	case now >= before:
		return fmt.Sprintf("+%.1f %%", 100*float64(now-before)/float64(before))
	}
	return fmt.Sprintf("−%.1f %%", 100*float64(before-now)/float64(before))
}

// size writes bytes with a decimal unit.
func size(n uint64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	x, i := float64(n), 0
	for x >= 999.5 && i < len(units)-1 {
		x, i = x/1000, i+1
	}
	if i == 0 || x >= 100 {
		return fmt.Sprintf("%.0f %s", x, units[i])
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}
