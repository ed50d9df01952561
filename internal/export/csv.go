package export

import (
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// csvHeader is the header row: the fields of an event in their order.
const csvHeader = "id,timestamp,action,identity_type,identity_id,secret_path,source_ip,user_agent," +
	"success,duration_ms,request_id,extra_data\n"

// appendCSV appends the row of an event (RFC 4180, but for the line end, which
// is LF). An absent path or address is an empty cell, extra data is JSON text.
func appendCSV(dst []byte, r *audit.Record) []byte {
	dst = append(appendCell(dst, string(r.ID)), ',')
	dst = append(r.Timestamp.Append(dst), ',')
	dst = append(appendCell(dst, string(r.Action)), ',')
	dst = append(appendCell(dst, string(r.IdentityType)), ',')
	dst = append(appendCell(dst, string(r.IdentityID)), ',')
	dst = append(appendCell(dst, string(r.SecretPath)), ',')
	dst = append(appendCell(dst, r.SourceIP), ',')
	dst = append(appendCell(dst, r.UserAgent), ',')
	dst = append(strconv.AppendBool(dst, r.Success), ',')
	dst = append(strconv.AppendInt(dst, int64(r.DurationMS), 10), ',')
	dst = append(appendCell(dst, r.RequestID), ',')
	if r.ExtraData == "" {
		return append(dst, "{}\n"...)
	}
	return append(appendCell(dst, r.ExtraData), '\n')
}

// appendCell appends one cell. A spreadsheet would run a text that begins like
// a formula; an apostrophe before it makes it text again (OWASP, "CSV
// Injection"). The cell then differs from the event's field by that character;
// who needs the exact value reads JSON lines or Parquet.
func appendCell(dst []byte, s string) []byte {
	if s == "" {
		return dst
	}
	formula := isFormula(s[0])
	if !needsQuotes(s) {
		if formula {
			dst = append(dst, '\'')
		}
		return append(dst, s...)
	}
	dst = append(dst, '"')
	if formula {
		dst = append(dst, '\'')
	}
	for {
		i := strings.IndexByte(s, '"')
		if i < 0 {
			break
		}
		dst = append(append(dst, s[:i+1]...), '"')
		s = s[i+1:]
	}
	return append(append(dst, s...), '"')
}

// isFormula reports whether a spreadsheet may take a cell that begins with c
// for a formula.
func isFormula(c byte) bool {
	switch c {
	case '=', '+', '-', '@', '\t', '\r':
		return true
	}
	return false
}

// needsQuotes reports whether a cell cannot stand bare (RFC 4180, section 2,
// rule 6).
func needsQuotes(s string) bool {
	for i := range len(s) {
		if quoted[s[i]] {
			return true
		}
	}
	return false
}

var quoted = [256]bool{',': true, '"': true, '\n': true, '\r': true}
