package source

import "bufio"

// detect finds the separator in the first line that is not blank, without consuming it, and looks no further than it has
// to: whoever writes into a pipe may be waiting. With names above 0, a separator that makes as many fields is preferred.
func detect(r *bufio.Reader, names int) rune {
	var counts [128]int
	quoted, begun := false, false
	for seen := 0; ; seen++ {
		if seen == r.Buffered() {
			if _, err := r.Peek(seen + 1); err != nil { // the end, or a line longer than the buffer
				return choose(&counts, names)
			}
		}
		start, _ := r.Peek(seen + 1)
		switch b := start[seen]; {
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
}

func choose(counts *[128]int, names int) rune {
	best := ';'
	for _, c := range ";,\t|" {
		if names > 1 && counts[c] == names-1 {
			return c
		}
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}
