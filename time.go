package audit

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Time is an instant in microseconds since 1970-01-01T00:00:00Z, the precision
// of the log. It prints and reads as RFC 3339 in UTC with six decimals.
type Time int64

const (
	// Second is one second of a [Time].
	Second Time = 1_000_000
	// Minute is one minute of a [Time].
	Minute = 60 * Second
	// Hour is one hour of a [Time].
	Hour = 60 * Minute
	// Day is one day of a [Time].
	Day = 24 * Hour

	// MaxTime is the last instant of 2261, beyond which nanoseconds since 1970
	// leave an int64 and other systems' clocks overflow.
	MaxTime Time = 9_214_646_400*Second - 1

	// maxOffset is the largest offset from UTC in use anywhere, in minutes.
	maxOffset = 14 * 60

	timeWidth = len("2006-01-02T15:04:05.000000Z")
)

// TimeOf returns t cut to the microsecond.
func TimeOf(t time.Time) Time { return Time(t.UnixMicro()) }

// Std returns t as a [time.Time] in UTC.
func (t Time) Std() time.Time { return time.UnixMicro(int64(t)).UTC() }

// String returns t as 2006-01-02T15:04:05.000000Z.
func (t Time) String() string { return string(t.Append(make([]byte, 0, timeWidth))) }

// Append appends t, as [Time.String] prints it, to dst. Times outside
// [0, MaxTime] do not occur in a log; their output is unspecified.
func (t Time) Append(dst []byte) []byte {
	days, rest := int64(t/Day), int64(t%Day)
	if rest < 0 {
		days, rest = days-1, rest+int64(Day)
	}
	y, m, d := civil(days)
	dst = append(dst, byte('0'+y/1000%10), byte('0'+y/100%10), byte('0'+y/10%10), byte('0'+y%10), '-')
	dst = append(append2(dst, m), '-')
	dst = append(append2(dst, d), 'T')
	dst = append(append2(dst, int(rest/int64(Hour))), ':')
	dst = append(append2(dst, int(rest/int64(Minute)%60)), ':')
	dst = append(append2(dst, int(rest/int64(Second)%60)), '.')
	us := int(rest % int64(Second))
	dst = append2(append2(append2(dst, us/10000), us/100%100), us%100)
	return append(dst, 'Z')
}

func append2(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

// civil returns the date of a day counted from 1970-01-01, and days is its
// inverse (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
func civil(day int64) (y, m, d int) {
	z := day + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = int(yoe + era*400)
	if m <= 2 {
		y++
	}
	return y, m, d
}

func days(y, m, d int) int64 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	yoe := y - era*400
	doy := (153*(m-3)+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return int64(era)*146097 + int64(doe) - 719468
}

// ParseTime reads an instant strictly: RFC 3339 with an offset of at most 14
// hours and up to nine decimals, cut to microseconds; a date, or a date and
// time without offset, is read as UTC. The years 1970 to 2261 are accepted.
func ParseTime(s string) (Time, error) {
	if t, ok := parseUTC(s); ok {
		return t, nil
	}
	t, err := parseTime(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a time: %w", clip(s), err)
	}
	if t < 0 || t > MaxTime {
		return 0, fmt.Errorf("%q is not a time: want a year from 1970 to 2261", clip(s))
	}
	return t, nil
}

// parseUTC reads the form that the log itself writes, the usual case.
func parseUTC(s string) (Time, bool) {
	if len(s) != timeWidth || s[10] != 'T' || s[19] != '.' || s[26] != 'Z' {
		return 0, false
	}
	t, ok := parseSeconds(s)
	us := 0
	for _, c := range []byte(s[20:26]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		us = us*10 + int(c-'0')
	}
	t += Time(us)
	return t, ok && t >= 0 && t <= MaxTime
}

// parseSeconds reads 2006-01-02T15:04:05 at the start of s, which has at least
// that length.
func parseSeconds(s string) (Time, bool) {
	if s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' {
		return 0, false
	}
	c, ok0 := num2(s, 0)
	y, ok1 := num2(s, 2)
	mo, ok2 := num2(s, 5)
	d, ok3 := num2(s, 8)
	h, ok4 := num2(s, 11)
	mi, ok5 := num2(s, 14)
	sec, ok6 := num2(s, 17)
	y += 100 * c
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || mo < 1 || mo > 12 || d < 1 ||
		d > monthDays(y, mo) || h > 23 || mi > 59 || sec > 59 {
		return 0, false
	}
	return Time(days(y, mo, d))*Day + Time(h)*Hour + Time(mi)*Minute + Time(sec)*Second, true
}

func num2(s string, i int) (int, bool) {
	a, b := s[i]-'0', s[i+1]-'0'
	return int(a)*10 + int(b), a <= 9 && b <= 9
}

func monthDays(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func parseTime(s string) (Time, error) {
	const form = "want RFC 3339, as 2006-01-02T15:04:05Z"
	if len(s) == len("2006-01-02") {
		s += "T00:00:00"
	}
	if len(s) < len("2006-01-02T15:04:05") || s[10] != 'T' && s[10] != 't' {
		return 0, errors.New(form)
	}
	t, ok := parseSeconds(s)
	if !ok {
		return 0, fmt.Errorf("%s, with a date and a time of day that exist", form)
	}
	s = s[19:]
	if s != "" && s[0] == '.' {
		us, n := fraction(s[1:])
		if n == 0 || n > 9 {
			return 0, fmt.Errorf("want 1 to 9 decimals of a second")
		}
		t, s = t+us, s[1+n:]
	}
	if s == "" || s == "Z" || s == "z" {
		return t, nil
	}
	offset, ok := parseOffset(s)
	if !ok {
		return 0, fmt.Errorf("want Z or an offset up to ±14:00 at its end (a + in a URL is written %%2B)")
	}
	return t - offset, nil
}

// fraction reads the leading digits of s as decimals of a second.
func fraction(s string) (us Time, digits int) {
	unit := Second
	for digits < len(s) && '0' <= s[digits] && s[digits] <= '9' {
		unit /= 10
		us += Time(s[digits]-'0') * unit
		digits++
	}
	return us, digits
}

func parseOffset(s string) (Time, bool) {
	if len(s) != len("+00:00") || s[0] != '+' && s[0] != '-' || s[3] != ':' {
		return 0, false
	}
	h, ok1 := num2(s, 1)
	m, ok2 := num2(s, 4)
	if !ok1 || !ok2 || m > 59 || 60*h+m > maxOffset {
		return 0, false
	}
	offset := Time(60*h+m) * Minute
	if s[0] == '-' {
		offset = -offset
	}
	return offset, true
}

// MarshalJSON writes t as a JSON string, as [Time.String] prints it.
func (t Time) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, timeWidth+2), '"')
	return append(t.Append(b), '"'), nil
}

// UnmarshalJSON reads what [ParseTime] accepts.
func (t *Time) UnmarshalJSON(b []byte) error {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return fmt.Errorf("%q is not a time: want a string", clip(string(b)))
	}
	*t, err = ParseTime(s)
	return err
}
