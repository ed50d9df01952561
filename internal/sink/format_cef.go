package sink

import (
	"strconv"
	"strings"

	"github.com/scaivault/audit"
)

// cefSeverity is what receivers sort events by: 0 to 3 low, 4 to 6 medium, 7 and
// 8 high. Whatever failed is medium; what takes protection away is, too.
var cefSeverity = map[audit.Action]int64{
	audit.ActionDelete: 4, audit.ActionPolicyDelete: 5, audit.ActionPolicyUpdate: 4, audit.ActionPolicyBind: 4,
	audit.ActionPolicyUnbind: 4, audit.ActionPKICACreate: 5, audit.ActionExportCreated: 4,
	audit.ActionRetentionApplied: 5, audit.ActionHoldLifted: 5, audit.ActionAuditGap: 7,
}

const cefFailed, cefLow = 6, 2

// appendCEF appends a line of the Common Event Format, version 0. Labels name
// what the dictionary of the format has no key for.
func (f *form) appendCEF(dst []byte, r *record) []byte {
	severity, ok := cefSeverity[r.Action]
	if !ok {
		severity = cefLow
	}
	outcome := "success"
	if !r.Success {
		severity, outcome = max(severity, cefFailed), "failure"
	}
	dst = append(dst, "CEF:0|"+vendor+"|"+product+"|"...)
	dst = append(cefHeader(dst, f.version), '|')
	dst = append(append(dst, r.Action...), '|')
	dst = append(append(dst, strings.ReplaceAll(string(r.Action), "_", " ")...), '|')
	dst = strconv.AppendInt(dst, severity, 10)
	dst = strconv.AppendInt(append(dst, "|rt="...), int64(r.Timestamp/millisecond), 10)
	dst = cefValue(dst, " externalId=", string(r.ID))
	dst = cefValue(dst, " cat=audit act=", string(r.Action))
	dst = cefValue(dst, " outcome=", outcome)
	dst = cefValue(dst, " suser=", ecsName(r.IdentityID))
	dst = cefValue(dst, " suid=", string(r.IdentityID))
	switch {
	case strings.Contains(r.SourceIP, ":"):
		dst = cefValue(dst, " c6a2Label=Source IPv6 Address c6a2=", r.SourceIP)
	case r.SourceIP != "":
		dst = cefValue(dst, " src=", r.SourceIP)
	}
	if r.SecretPath != "" {
		dst = cefValue(dst, " filePath=", string(r.SecretPath))
	}
	if r.UserAgent != "" {
		dst = cefValue(dst, " requestClientApplication=", r.UserAgent)
	}
	dst = strconv.AppendInt(append(dst, " cn1Label=durationMs cn1="...), int64(r.DurationMS), 10)
	dst = strconv.AppendUint(append(dst, " cn2Label=index cn2="...), r.index, 10)
	dst = cefValue(dst, " cs1Label=identityType cs1=", string(r.IdentityType))
	dst = cefValue(dst, " cs2Label=tenant cs2=", string(f.tenant))
	if r.RequestID != "" {
		dst = cefValue(dst, " cs3Label=requestId cs3=", r.RequestID)
	}
	if r.ExtraData != "" && r.ExtraData != "{}" {
		dst = cefValue(dst, " cs4Label=extraData cs4=", r.ExtraData)
	}
	return dst
}

// cefHeader appends a field of the header, in which \ and | are escaped.
func cefHeader(dst []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\', '|':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, max(c, ' '))
		}
	}
	return dst
}

// cefValue appends a value of the extension with its key, in which \ and = are
// escaped and line ends stand as \n and \r. Other control characters become
// spaces: the format has no way to write them.
func cefValue(dst []byte, key, text string) []byte {
	dst = append(dst, key...)
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\', '=':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, max(c, ' '))
		}
	}
	return dst
}
