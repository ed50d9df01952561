package auth

import (
	"crypto/rand"
	"hash/crc32"
	"strings"
)

// A personal access token is, as GitHub's are, a prefix that scanners for
// leaked secrets know, 32 random base62 digits (190 bits) and the CRC-32 (IEEE)
// of all before it as 6 base62 digits, the most significant first. The checksum
// finds typing errors and false alarms of scanners; it protects nothing.
const (
	tokenPrefix  = "skt_"
	randomDigits = 32
	crcDigits    = 6
	tokenWidth   = len(tokenPrefix) + randomDigits + crcDigits

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newToken returns a fresh personal access token.
func newToken() string {
	body := tokenPrefix + random(randomDigits)
	return body + checksum(body)
}

// wellFormed reports whether s has the form and the checksum of a token.
func wellFormed(s string) bool {
	if len(s) != tokenWidth || !strings.HasPrefix(s, tokenPrefix) || !isBase62(s[len(tokenPrefix):]) {
		return false
	}
	body := s[:tokenWidth-crcDigits]
	return s[len(body):] == checksum(body)
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	var digits [crcDigits]byte
	for i := range digits {
		digits[crcDigits-1-i] = base62[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

func isBase62(s string) bool {
	return strings.Trim(s, base62) == ""
}

// random returns n base62 digits, each equally likely.
func random(n int) string {
	const fair = 256 / 62 * 62 // bytes from here on would favour the first digits
	digits := make([]byte, 0, n)
	for buf := make([]byte, 2*n); ; {
		rand.Read(buf) // never fails
		for _, b := range buf {
			if b < fair {
				if digits = append(digits, base62[b%62]); len(digits) == n {
					return string(digits)
				}
			}
		}
	}
}
