package source

// maxFirstLine is how far the separator is looked for.
const maxFirstLine = 64 << 10

// detect finds the separator in the first line that is not blank, without taking it, and looks no further than it has to:
// whoever writes into a pipe may be waiting. With names above 0, a separator that makes as many fields is preferred.
func detect(s *splitter, names int) string {
	var counts [128]int
	quoted, begun := false, false
	for seen := range maxFirstLine {
		if s.pos+seen == s.end {
			moved, err := s.more()
			if s.quote -= moved; err != nil { // which comes again
				break
			}
		}
		switch b := s.buf[s.pos+seen]; {
		case b == '"':
			quoted, begun = !quoted, true
		case quoted:
		case b == '\n' || b == '\r':
			if begun {
				return choose(&counts, names)
			}
		default:
			if begun = true; b < 128 {
				counts[b]++
			}
		}
	}
	return choose(&counts, names)
}

func choose(counts *[128]int, names int) string {
	best := ';'
	for _, c := range ";,\t|" {
		if names > 1 && counts[c] == names-1 {
			return string(c)
		}
		if counts[c] > counts[best] {
			best = c
		}
	}
	return string(best)
}
