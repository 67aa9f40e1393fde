package mapping

import "sort"

// longCodes are the codes of three letters (ISO 639-2, bibliographic and terminological, and ISO 639-3) of the languages
// that have a code of two (ISO 639-1), each with it behind, in alphabetical order.
const longCodes = "" +
	"aaraaabkabafrafakaakalbsqamhamaraararganarmhyasmasavaavaveaeaymayazeazbakbabambmbaqeubelbebenbnbihbh" +
	"bisbibodbobosbsbrebrbulbgburmycatcacescschachchecechizhchucuchvcvcorkwcoscocrecrcymcyczecsdandadeude" +
	"divdvdutnldzodzellelengenepoeoesteteuseueweeefaofofasfafijfjfinfifrafrfrefrfryfyfulffgeokagerdeglagd" +
	"glegaglgglglvgvgreelgrngngujguhaththauhahbsshhebiwherhzhinhihmohohrvhrhunhuhyehyiboigiceisidoioiiiii" +
	"ikuiuileieinaiaindidipkikislisitaitjavjvjpnjakalklkanknkaskskatkakaukrkazkkkhmkmkikkikinrwkirkykomkv" +
	"konkgkorkokuakjkurkulaololatlalavlvlimlilinlnlitltltzlblubluluglgmacmkmahmhmalmlmaomimarmrmaymsmkdmk" +
	"mlgmgmltmtmolmomonmnmrimimsamsmyamynaunanavnvnblnrndendndongnepnenldnlnnonnnobnbnornonyanyociocojioj" +
	"oriorormomossospanpaperfaplipipolplporptpuspsquequrohrmronrorumrorunrnrusrusagsgsansasinsislkskslosk" +
	"slvslsmesesmosmsnasnsndsdsomsosotstspaessqisqsrdscsrpsrsswsssunsuswaswswesvtahtytamtatatttteltetgktg" +
	"tgltlthathtibbotirtitontotsntntsotstuktkturtrtwitwuigugukrukurduruzbuzvenvevievivolvowelcywlnwawolwo" +
	"xhoxhyidjiyoryozhazazhozhzulzu"

// shortCode returns the code of two letters of the language whose code of three, in lower case, is given; "" when there is
// none.
func shortCode(long []byte) string {
	const size = 5
	i := sort.Search(len(longCodes)/size, func(i int) bool { return longCodes[i*size:i*size+3] >= string(long) })
	if i *= size; i < len(longCodes) && longCodes[i:i+3] == string(long) {
		return longCodes[i+3 : i+size]
	}
	return ""
}

// appendLanguage appends text as a [Language].
func appendLanguage(l *languages, buf, text []byte) (out []byte, reason string) {
	var tag [36]byte
	short := ""
	if len(text) < len(tag) && len(text) >= 3 && (len(text) == 3 || text[3] == '-' || text[3] == '_') {
		for i, b := range text[:3] {
			if b >= 'A' && b <= 'Z' {
				b |= 0x20
			}
			tag[i] = b
		}
		short = shortCode(tag[:3])
	}
	if short == "" || l != nil {
		// The destination may know the long code itself.
		if buf, reason = l.append(buf, text, false); short == "" || reason == "" {
			return buf, reason
		}
	}
	n := copy(tag[:], short)
	n += copy(tag[n:], text[3:])
	return l.append(buf, tag[:n], true)
}
