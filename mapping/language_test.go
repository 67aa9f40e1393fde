package mapping_test

import (
	"testing"

	"golang.org/x/text/language"

	"github.com/spliosync/spliosync/mapping"
)

func TestLongLanguageCodes(t *testing.T) {
	o := mapping.Options{Attributes: []mapping.Attribute{{
		Name: "x", Type: mapping.Language, Key: true, Values: []string{"fr", "de", "nl", "cz", "gr", "kr", "ja", "zh", "br", "at", "en", "fil"},
		Aliases: map[string]string{"cs": "cz", "el": "gr", "ko": "kr", "pt_br": "br", "deu_at": "at", "en_gb": "en", "french": "fr"},
	}}}
	known := bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "x"}}, []string{"id"}, o)
	o.Attributes[0].Values, o.Attributes[0].Aliases = nil, nil
	any := bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "x"}}, []string{"id"}, o)
	for _, tt := range []struct{ in, known, any string }{
		{"fr", "fr", "fr"}, {"FR", "fr", "fr"}, {"fr_FR", "fr", "fr"}, {"fr-FR", "fr", "fr"}, {"fr-Latn-CA", "fr", "fr"}, {" Fr\u200e", "fr", "fr"},
		{"FRA", "fr", "fr"}, {"fre", "fr", "fr"}, {"fra-CA", "fr", "fr"}, {"fre_FR.UTF-8", "fr", "fr"},
		{"deu", "de", "de"}, {"ger", "de", "de"}, {"nld", "nl", "nl"}, {"dut", "nl", "nl"},
		{"ces", "cz", "cs"}, {"cze", "cz", "cs"}, {"cs", "cz", "cs"}, {"cz", "cz", "cz"},
		{"ell", "gr", "el"}, {"GRE", "gr", "el"}, {"kor", "kr", "ko"}, {"jpn", "ja", "ja"}, {"zho", "zh", "zh"}, {"chi", "zh", "zh"}, {"zho-Hant-TW", "zh", "zh"},
		{"por-BR", "br", "pt"}, {"por_br", "br", "pt"}, {"pt-br", "br", "pt"}, {"por", "", "pt"}, {"por-PT", "", "pt"},
		{"fil", "fil", "fil"},  // a code of three letters that has none of two
		{"deu-AT", "at", "de"}, // what the destination says of the long code comes first
		// The destination's own codes are not those of ISO 639: br is Breton there, kr is Kanuri.
		{"br", "br", "br"}, {"BR", "br", "br"}, {"br_BR", "br", "br"}, {"br-br.UTF-8", "br", "br"}, {"br_FR", "", "br"}, {"br_BRA", "", "br"}, {"br_", "", "br"},
		{"bre", "", "br"}, {"bre_FR", "", "br"}, {"bre-BR", "", "br"}, {"kr", "kr", "kr"}, {"kr_KR", "kr", "kr"}, {"kr_NG", "", "kr"}, {"kau", "", "kr"}, {"kau-NG", "", "kr"},
		{"kau_KR", "", "kr"}, {"cz_CZ", "cz", "cz"}, {"cz-SK", "", "cz"}, {"gr_GR", "gr", "gr"}, {"gr_CY", "", "gr"}, {"el_CY", "gr", "el"}, {"cze-CZ", "cz", "cs"},
		{"eng", "en", "en"}, {"en_GB", "en", "en"}, {"eng-US", "en", "en"}, {"french", "fr", ""}, {"fra_CA", "fr", "fr"}, // aliases of the same language, or of a name, change nothing
		{"jp", "", "jp"},   // a country is no language: not guessed at
		{"xyz", "", "xyz"}, // not in the table
		{"german", "", ""}, // nor is a name a code
		{"frm", "", "frm"}, // Middle French is not French
		{"fra CA", "", ""}, // not a tag
		{"fr\u00e9", "", ""}, {"f", "", ""}, {"", "", ""}, {"123", "", ""}, {"-fra", "", ""},
		{"fra-this-tag-is-longer-than-any-can-be", "", ""},
	} {
		for m, want := range map[*mapping.Mapper]string{known: tt.known, any: tt.any} {
			if got, ok := m.Key(mapping.StringValue(tt.in)); string(got) != want || ok != (want != "") {
				t.Errorf("%q gives %q, %v, want %q", tt.in, got, ok, want)
			}
		}
	}
}

// terminological has the twenty languages with two codes of three letters, keyed by the bibliographic one (ISO 639-2).
var terminological = map[string]string{
	"alb": "sqi", "arm": "hye", "baq": "eus", "bur": "mya", "chi": "zho", "cze": "ces", "dut": "nld", "fre": "fra", "geo": "kat", "ger": "deu",
	"gre": "ell", "ice": "isl", "mac": "mkd", "mao": "mri", "may": "msa", "per": "fas", "rum": "ron", "slo": "slk", "tib": "bod", "wel": "cym",
}

// The table against what x/text knows of ISO 639.
func TestLanguageTable(t *testing.T) {
	m := bind(t, mapping.Mapping{Key: mapping.Field{From: "id", To: "x", Type: mapping.Language}}, []string{"id"}, mapping.Options{})
	short := 0
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			for c := 'a'; c <= 'z'; c++ {
				code := string([]rune{a, b, c})
				got, _ := m.Key(mapping.StringValue(code))
				if len(got) == 3 {
					continue
				}
				short++
				if t, ok := terminological[code]; ok {
					code = t // x/text does not know the other
				}
				if base, err := language.ParseBase(code); err == nil && base.String() != string(got) {
					t.Errorf("%s gives %s, want %s", code, got, base)
				}
			}
			two := string([]rune{a, b})
			base, err := language.ParseBase(two)
			if err != nil || base.String() != two || len(base.ISO3()) != 3 || base.ISO3() == "ZZZ" {
				continue
			}
			if back, err := language.ParseBase(base.ISO3()); err != nil || back != base {
				continue
			}
			if got, _ := m.Key(mapping.StringValue(base.ISO3())); string(got) != two {
				t.Errorf("%s gives %q, want %s", base.ISO3(), got, two)
			}
		}
	}
	for code := range terminological {
		if got, _ := m.Key(mapping.StringValue(code)); len(got) != 2 {
			t.Errorf("%s gives %q", code, got)
		}
	}
	if short != 206 {
		t.Errorf("%d codes of three letters have one of two, want 206", short)
	}
}
