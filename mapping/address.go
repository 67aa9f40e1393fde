package mapping

import (
	"bytes"
	"unicode/utf8"
)

// The limits of RFC 5321 (4.5.3.1) and RFC 1035 (2.3.4). A label that is not ASCII goes through the network in another,
// longer form, so that its characters are counted here: more than that can never pass.
const (
	maxLocalPart = 64  // bytes
	maxLabel     = 63  // characters
	maxDomain    = 253 // characters
)

// toASCII are the signs that NFC makes ASCII letters or signs of that may stand in an address: the kelvin sign and the Greek
// varia. What comes out would be another address than the one that was given.
const toASCII = "\u212a\u1fef"

// appendAddress appends text as an [Email].
func appendAddress(buf, text []byte) (out []byte, reason string) {
	start := len(buf)
	if bytes.ContainsAny(text, toASCII) {
		return buf, ReasonEmail
	}
	text, buf = normal(text, buf)
	at := len(buf)
	if buf, reason = appendEmail(buf, text); reason != "" {
		if reason == ReasonEmail && bytes.ContainsFunc(text, isMark) {
			reason = ReasonInvisible
		}
		return buf[:start], reason
	}
	// A small letter may make one with a mark where its capital does not.
	address, buf := normal(buf[at:], buf)
	if reason = addressProblem(address); reason != "" {
		return buf[:start], reason
	}
	return append(buf[:start], address...), "" // moves to the left
}

// addressProblem looks at what does not show letter by letter.
func addressProblem(address []byte) (reason string) {
	at := bytes.IndexByte(address, '@')
	domain := address[at+1:]
	if at > maxLocalPart || len(domain) > maxDomain && utf8.RuneCount(domain) > maxDomain {
		return ReasonEmailLength
	}
	for more := true; more; {
		var label []byte
		label, domain, more = bytes.Cut(domain, []byte{'.'})
		if len(label) > maxLabel && utf8.RuneCount(label) > maxLabel {
			return ReasonEmailLength
		}
		if !more && allDigits(label) {
			return ReasonEmail // the numbers of a machine
		}
	}
	return ""
}
