package mapping

import "encoding/binary"

// The states of reading an address of ASCII, from the left, each the place of its six bits in a row of emailRows.
const (
	emailLocalStart = 6 * iota // no dot may follow
	emailLocal
	emailFirstStart // of the first label of the domain; neither dot nor hyphen may follow
	emailFirst
	emailFirstHyphen // only a letter or digit ends a label
	emailLabelStart  // of a later label
	emailLabel       // the only state to end in
	emailLabelHyphen
	emailWrong
	emailStates = iota

	emailUpper = 1 << 63
)

// emailRows has, for each byte, the state that it leads to from each state, six bits each, and a bit that says it is an
// upper-case letter. It is never written to.
//
// A row shifted by the state has the next state in its low bits: one step costs a shift, and no branch.
var emailRows = func() (rows [256]uint64) {
	for b := range rows {
		next := [emailStates]uint64{}
		for i := range next {
			next[i] = emailWrong
		}
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if letter || b < 0x80 && inLocalPart(rune(b)) {
			next[emailLocalStart/6], next[emailLocal/6] = emailLocal, emailLocal
		}
		switch {
		case letter:
			for i := emailFirstStart / 6; i <= emailFirstHyphen/6; i++ {
				next[i] = emailFirst
			}
			for i := emailLabelStart / 6; i <= emailLabelHyphen/6; i++ {
				next[i] = emailLabel
			}
		case b == '-':
			next[emailFirst/6], next[emailFirstHyphen/6] = emailFirstHyphen, emailFirstHyphen
			next[emailLabel/6], next[emailLabelHyphen/6] = emailLabelHyphen, emailLabelHyphen
		case b == '.':
			next[emailLocal/6], next[emailFirst/6], next[emailLabel/6] = emailLocalStart, emailLabelStart, emailLabelStart
		case b == '@':
			next[emailLocal/6] = emailFirstStart
		}
		for i, state := range next {
			rows[b] |= state << (6 * i)
		}
		if b >= 'A' && b <= 'Z' {
			rows[b] |= emailUpper
		}
	}
	return rows
}()

// isASCIIEmail says that text is an address, and that it has upper-case letters. Not ok is that it is none or not ASCII.
func isASCIIEmail(text []byte) (ok, upper bool) {
	state, all := uint64(emailLocalStart), uint64(0)
	for ; len(text) >= 4; text = text[4:] {
		a, b, c, d := emailRows[text[0]], emailRows[text[1]], emailRows[text[2]], emailRows[text[3]]
		all |= a | b | c | d
		state = d >> (c >> (b >> (a >> (state & 63) & 63) & 63) & 63)
	}
	for _, b := range text {
		row := emailRows[b]
		all |= row
		state = row >> (state & 63)
	}
	return state&63 == emailLabel, all&emailUpper != 0
}

// appendLowerASCII appends text, which is ASCII, in lower case.
func appendLowerASCII(buf, text []byte) []byte {
	start := len(buf)
	buf = append(buf, text...)
	low := buf[start:]
	for ; len(low) >= 8; low = low[8:] {
		w := wordAt(low, 0)
		upper := (w + (0x80-'A')*ones) &^ (w + (0x7f-'Z')*ones) & marks
		binary.LittleEndian.PutUint64(low, w|upper>>2)
	}
	for i, b := range low {
		if b >= 'A' && b <= 'Z' {
			low[i] = b | 0x20
		}
	}
	return buf
}
