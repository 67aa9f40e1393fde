package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"sync"
)

// The segment is that of a shop: twelve fields, about 110 bytes a record, values
// from small dictionaries with accents in them. The same size and seed give the
// same bytes, in constant memory. The two days list the contacts in different
// orders; of the first day's, 0.5 % are gone on the second and 2 % have one to
// three fields changed, and 1 % are new. Nobody in it exists.
const header = "email;firstname;lastname;language;cellphone;dateOfCreation;loyalty_tier;points;last_order_date;city;store_id;optin\n"

const fields = 12

var (
	firstNames = []string{"Hélène", "François", "Amélie", "Jürgen", "Zoë", "Chloé", "Léa", "Marie", "Łukasz", "Søren", "José", "Åsa", "Thomas", "Camille", "Hugo", "Nicolas"}
	lastNames  = []string{"Lefèvre", "Müller", "Garçon", "Dupont", "Núñez", "Håkansson", "Kowalski", "Martin", "Château", "O'Connor", "De La Tour", "Weiß", "Moreau", "Girard", "Blanc", "Ménard"}
	hosts      = []string{"example.com", "example.org", "example.net", "mail.example.com"}
	languages  = []string{"fr_FR", "en_GB", "de_DE", "es_ES", "it_IT", "nl_NL", "pl_PL", "tr_TR"}
	tiers      = []string{"bronze", "silver", "gold", "platinum", ""}
	cities     = []string{"Paris", "Besançon", "Nîmes", "Saint-Étienne", "Köln", "München", "Málaga", "São Paulo", "Lyon", "Łódź", "Göteborg", "Le Mans"}
)

// segment describes the contacts of both days.
type segment struct{ n, added, seed uint64 }

func newSegment(n, seed uint64) segment { return segment{n: n, added: n / 100, seed: seed} }

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s segment) gone(id uint64) bool { return id < s.n && mix(s.seed^id)%1000 < 5 }

// changes is the set of fields that differ on the second day; the key never does.
func (s segment) changes(id uint64) (set uint64) {
	h := mix(s.seed + 1 ^ id)
	if id >= s.n || h%100 >= 2 {
		return 0
	}
	for range 1 + h/100%3 {
		h = mix(h)
		set |= 1 << (1 + h%(fields-1))
	}
	return set
}

// record appends the record of a contact. A field of the set has another value
// than without it.
func (s segment) record(b []byte, id, set uint64) []byte {
	for f := range uint64(fields) {
		if f > 0 {
			b = append(b, ';')
		}
		h := mix(s.seed^mix(id*fields+f))>>8 + set>>f&1
		pick := func(list []string) { b = append(b, list[h%uint64(len(list))]...) }
		switch f {
		case 0:
			b = strconv.AppendUint(append(b, "contact."...), id, 36)
			b = append(append(b, '@'), hosts[id%uint64(len(hosts))]...)
		case 1:
			pick(firstNames)
		case 2:
			pick(lastNames)
		case 3:
			pick(languages)
		case 4:
			b = strconv.AppendUint(append(b, "+336"...), 10_000_000+h%90_000_000, 10)
		case 5, 8:
			b = fmt.Appendf(b, "%d-%02d-%02d", 2005+h%20, 1+h/20%12, 1+h/240%28)
		case 6:
			pick(tiers)
		case 7:
			b = strconv.AppendUint(b, h%20_000, 10)
		case 9:
			pick(cities)
		case 10:
			b = fmt.Appendf(b, "S%03d", h%1000)
		case 11:
			b = strconv.AppendUint(b, h&1, 10)
		}
	}
	return append(b, '\n')
}

// write writes both days, and returns how many contacts are new and changed on
// the second.
func (s segment) write(first, second string) (added, changed uint64, err error) {
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() {
		errs[0] = writeFile(first, func(w *bufio.Writer) {
			var b []byte
			for i := range s.n {
				b = s.record(b[:0], shuffle(i, s.n, 7919), 0)
				w.Write(b)
			}
		})
	})
	wg.Go(func() {
		errs[1] = writeFile(second, func(w *bufio.Writer) {
			var b []byte
			for i := range s.n + s.added {
				id := shuffle(i, s.n+s.added, 104729)
				if s.gone(id) {
					continue
				}
				set := s.changes(id)
				switch {
				case id >= s.n:
					added++
				case set != 0:
					changed++
				}
				b = s.record(b[:0], id, set)
				w.Write(b)
			}
		})
	})
	wg.Wait()
	for _, e := range errs {
		if e != nil {
			return 0, 0, e
		}
	}
	return added, changed, nil
}

// shuffle is a permutation of 0 to n-1: i times a number that shares no factor
// with n.
func shuffle(i, n, step uint64) uint64 {
	step += n / 3
	for gcd(step, n) != 1 {
		step++
	}
	return (i*step + 12345) % n
}

func gcd(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func writeFile(name string, body func(*bufio.Writer)) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	w.WriteString(header) // the first error is kept until Flush
	body(w)
	if err := w.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
