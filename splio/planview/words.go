package planview

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// brakeWords are what people are told of a brake.
type brakeWords struct {
	name    string // a few words
	numbers string // half a sentence
	cause   string // the usual one, half a sentence
}

func wordsOf(r splio.BrakeReading) brakeWords {
	n, total := number(r.Count), number(r.Total)
	var w brakeWords
	switch r.Brake {
	case splio.BrakeEmpty:
		w = brakeWords{"Empty segment", "the segment has " + count(r.Count, "record"), "the extract failed, or a filter lets nothing through"}
		if r.Hit {
			w.numbers = "the segment has no record, and " + count(r.Total, "contact") + plural(r.Total, " was", " were") + " sent before"
		}
		return w
	case splio.BrakeShrunk:
		w = brakeWords{"Segment became smaller", n + " fewer records than the " + total + " contacts sent before", "the extract ended early, or somebody added a filter"}
	case splio.BrakeLeft:
		w = brakeWords{"Contacts left the segment", n + " of the " + total + " contacts sent before are not in the segment any more", "the extract is of other contacts, somebody added a filter, or e-mails are written in another way"}
	case splio.BrakeDeleted:
		w = brakeWords{"Contacts to be deleted", n + " of the " + total + " contacts sent before would be deleted", "the extract is of other contacts, somebody added a filter, or e-mails are written in another way"}
	case splio.BrakeInserted:
		w = brakeWords{"New contacts", n + " of " + total + " contacts are new", "the extract is of other contacts, e-mails are written in another way, or insert mode was switched on"}
	case splio.BrakeChanged:
		w = brakeWords{"Changed contacts", n + " of the " + total + " contacts sent before have changed", "the extract is of another day, or one of its fields is written in another way"}
	case splio.BrakeRejected:
		w = brakeWords{"Records that cannot be sent", n + " of the " + total + " records of the segment cannot be sent", "the form of the data has changed, or that of the field with the e-mail"}
	case splio.BrakeColumnChanged:
		w = brakeWords{"Changes in " + r.Column, n + " of the " + total + " contacts sent before have another value in " + r.Column, "the field is written in another way, or holds something else now"}
	case splio.BrakeColumnInvalid:
		w = brakeWords{"Invalid values in " + r.Column, n + " of the " + total + " records of the segment have an invalid value in " + r.Column, "the field is written in another way, or the mapping expects another type"}
	case splio.BrakeSize:
		w = brakeWords{"Size of the segment", "the segment has " + count(r.Count, "record") + ", and usually " + total, "the extract is of other contacts, somebody added or removed a filter, or contacts are in it more than once"}
	case splio.BrakeRows:
		w = brakeWords{"More than usual", count(r.Count, "contact") + plural(r.Count, " is", " are") + " new or changed, and usually " + total, "a field is written in another way for some contacts, or the extract is of another day"}
	default:
		w = brakeWords{name: string(r.Brake), numbers: n + " of " + total}
	}
	w.numbers += " (" + shareOf(r) + ")"
	return w
}

// shareOf says how near to its limit a brake was.
func shareOf(r splio.BrakeReading) string {
	unit := percent
	if r.Brake == splio.BrakeRows {
		unit = times
	}
	share, limit := unit(r.Share), unit(r.Limit)
	if r.Hit && share == limit {
		share = "just above " + share
	}
	if isOff(r) {
		return share + ", switched off"
	}
	return share + ", limit " + limit
}

// isOff reports whether a brake was switched off: the one that has a factor for its
// limit by 1, the others by a share that is never more.
func isOff(r splio.BrakeReading) bool {
	if r.Brake == splio.BrakeRows {
		return r.Limit <= 1
	}
	return r.Limit >= 1
}

// nearness is how much of the limit was used, from 0 to 4/3, and in a word.
func nearness(r splio.BrakeReading) (used float64, word string) {
	switch {
	case r.Hit:
		used, word = 4.0/3, "hit"
		if r.Limit > 0 {
			used = min(used, r.Share/r.Limit)
		}
		return used, word
	case r.Brake == splio.BrakeEmpty:
		return 0, "fine"
	case isOff(r):
		return 0, "off"
	case r.Limit > 0 && r.Share > 0:
		used = min(1, r.Share/r.Limit)
	}
	if used >= 0.75 {
		return used, "near"
	}
	return used, "fine"
}

// outcomeWords says what became of a run.
func outcomeWords(r splio.RunRecord) string {
	s := string(r.Outcome)
	switch r.Outcome {
	case splio.OutcomeNothing:
		s = "nothing to send"
	case splio.OutcomeFailed:
		if r.Failure != "" {
			s += " (" + r.Failure + ")"
		}
	case splio.OutcomeBraked:
		var names []string
		for _, b := range r.Brakes {
			names = append(names, string(b))
		}
		if len(names) > 0 {
			s += " (" + list(names) + ")"
		}
	case splio.OutcomeDelivered:
		if r.Released {
			s += ", released"
		}
	}
	return s
}

// arrived reports whether a run was delivered, even if there was nothing to send.
func arrived(r splio.RunRecord) bool {
	return r.Outcome == splio.OutcomeDelivered || r.Outcome == splio.OutcomeNothing
}

// actionWords says what was done about a value.
func actionWords(a mapping.Action) string {
	switch a {
	case mapping.Rejected:
		return "not sent"
	case mapping.Blanked:
		return "sent with an empty value"
	case mapping.Omitted:
		return "sent without this value"
	case mapping.Shortened:
		return "sent, the text cut"
	case mapping.Kept:
		return "sent as it is"
	}
	return string(a)
}

// number writes n with separators between thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for i := len(s) - 3; i > first; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes so many things whose plural ends in s.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return number(n) + " " + thing + "s"
}

func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// percent writes a share with two decimals at most.
func percent(share float64) string {
	p := 100 * share
	if p > 0 && p < 0.01 {
		return "under 0.01%"
	}
	s := strconv.FormatFloat(p, 'f', 2, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + "%"
}

// times writes a factor with one decimal at most.
func times(factor float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(factor, 'f', 1, 64), ".0") + " times"
}

// size writes a number of bytes in the decimal units of file managers.
func size(n int64) string {
	switch {
	case n < 1000:
		return count(n, "byte")
	case n < 1_000_000:
		return strconv.FormatFloat(float64(n)/1e3, 'f', 1, 64) + " kB"
	case n < 1_000_000_000:
		return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + " MB"
	}
	return strconv.FormatFloat(float64(n)/1e9, 'f', 1, 64) + " GB"
}

const maxListed = 8 // names in a sentence

// list joins names, of which there may be many.
func list(names []string) string {
	if n := len(names) - maxListed; n > 1 {
		return strings.Join(names[:maxListed], ", ") + " and " + strconv.Itoa(n) + " more"
	}
	return strings.Join(names, ", ")
}

// sentence begins s with a capital and ends it with a stop.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	r, n := utf8.DecodeRuneInString(s)
	if n > 1 || r != utf8.RuneError {
		s = string(unicode.ToUpper(r)) + s[n:]
	}
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

const maxShown = 160 // characters of a name or value

// show writes text from elsewhere so that all of it is seen and does nothing:
// control characters, those that change the direction of text, and other
// invisible ones by their code. Joiners are part of words and of pictures.
func show(s string) string { return shown(s, maxShown) }

// prose is show for sentences, which may hold many names.
func prose(s string) string { return shown(s, 10*maxShown) }

func shown(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > most {
			b.WriteString("…")
			break
		}
		if unicode.IsGraphic(r) || r == '\u200c' || r == '\u200d' {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// showCell is show for a value: one that a spreadsheet would take for a formula,
// once it is copied there, gets an apostrophe in front.
func showCell(s string) string {
	switch c := strings.TrimLeftFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsGraphic(r) }); {
	case c == "":
	case c[0] == '=', c[0] == '@', (c[0] == '+' || c[0] == '-') && !numeric(c):
		return "'" + show(s)
	}
	return show(s)
}

// numeric reports whether s is a plain number with a sign.
func numeric(s string) bool {
	whole, part, point := strings.Cut(s[1:], ".")
	return digits(whole) && (!point || digits(part))
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
