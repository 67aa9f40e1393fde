//go:build unix

package planview_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var picture = flag.String("picture", "", "write a picture of a page, as a browser shows it, to this file")

// look is what a page says of itself, as it is laid out.
const look = `(() => {
	const root = document.documentElement, wide = root.clientWidth;
	const out = {Wide: root.scrollWidth - wide, Outside: [], Rules: document.styleSheets[0].cssRules.length, Worst: 21, Where: "", Scripts: document.scripts.length, Hidden: 0};
	const rgb = s => s.match(/[\d.]+/g).map(Number);
	const lum = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126*r + .7152*g + .0722*b; };
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = walk.nextNode();) {
		if (!n.data.trim()) continue;
		let e = n.parentElement;
		const range = document.createRange(); range.selectNodeContents(n);
		const box = range.getBoundingClientRect();
		if (box.width === 0) continue;
		if (box.right > wide + .5 && !e.closest(".wide")) out.Outside.push(n.data.slice(0, 40));
		const ink = lum(rgb(getComputedStyle(e).color));
		let paper = [255, 255, 255];
		for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) { paper = c; break; } }
		const [a, b] = [ink, lum(paper)].sort((x, y) => y - x), ratio = (a + .05) / (b + .05);
		if (ratio < out.Worst) { out.Worst = ratio; out.Where = n.data.slice(0, 40); }
	}
	for (const d of document.querySelectorAll("details > :not(summary)")) if (!d.checkVisibility()) out.Hidden++;
	out.Details = document.querySelectorAll("details").length;
	return out;
})()`

type looked struct {
	Wide, Rules, Scripts, Hidden, Details int
	Outside                               []string
	Worst                                 float64
	Where                                 string
}

// TestBrowser looks at the pages in a browser: light, dark and printed, narrow and wide.
func TestBrowser(t *testing.T) {
	b := newBrowser(t)
	var mu sync.Mutex
	asked := make(map[string]int)
	pages := make(map[string]string)
	for name, v := range views() {
		pages["/"+name] = html(t, v)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		mu.Unlock()
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
	}))
	t.Cleanup(server.Close)
	dir := t.ArtifactDir()
	for _, name := range []string{"usual", "stopped", "samples", "first", "large", "nothing", "hostile"} {
		url := server.URL + "/" + name
		b.open(url)
		for _, scheme := range []string{"light", "dark"} {
			for _, width := range []int{360, 1280} {
				where := fmt.Sprintf("%s, %s, %d", name, scheme, width)
				b.show(width, scheme, "screen")
				var l looked
				b.eval(look, &l)
				if l.Rules < 20 || l.Scripts != 0 {
					t.Errorf("%s: %d rules of style, %d scripts", where, l.Rules, l.Scripts)
				}
				if l.Wide > 0 || len(l.Outside) > 0 {
					t.Errorf("%s: the page is %d pixels too wide: %q", where, l.Wide, l.Outside)
				}
				if l.Hidden != l.Details {
					t.Errorf("%s: %d of %d details are closed", where, l.Hidden, l.Details)
				}
				if l.Worst < 4.5 {
					t.Errorf("%s: contrast %.2f of %q, AA asks for 4.5", where, l.Worst, l.Where)
				}
				if name != "stopped" && name != "samples" { // two are enough to take pictures of
					continue
				}
				shot := b.screenshot(width, 0)
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)), shot, 0o644); err != nil {
					t.Fatal(err)
				}
				if got := brightness(t, shot); scheme == "light" && got < 0.8 || scheme == "dark" && got > 0.3 {
					t.Errorf("%s: the picture has a brightness of %.2f", where, got)
				}
			}
		}
		b.show(700, "dark", "print")
		var l looked
		b.eval(look, &l)
		if l.Hidden > 0 || l.Worst < 4.5 || l.Wide > 0 {
			t.Errorf("%s, printed: %d of %d details are hidden, contrast %.2f, %d pixels too wide", name, l.Hidden, l.Details, l.Worst, l.Wide)
		}
		b.show(360, "light", "screen")
		checkKeyboard(t, b, name)
		checkNames(t, b, name)
		for _, c := range b.complaints(url) {
			t.Errorf("%s: %s", name, c)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for path, n := range asked {
		if pages[path] == "" || n != 1 {
			t.Errorf("the browser asked %d times for %s", n, path)
		}
	}
}

// Who has no mouse reaches everything that opens or scrolls, in the order of the page.
func checkKeyboard(t *testing.T, b *browser, name string) {
	t.Helper()
	const id = `e => e.localName + ":" + (e.textContent || "").slice(0, 60)`
	var want, got []string
	b.eval(`[...document.querySelectorAll("summary, [tabindex]")].filter(e => e.checkVisibility({contentVisibilityAuto: true}) && e.getBoundingClientRect().height > 0).map(`+id+`)`, &want)
	for range want {
		for _, typ := range []string{"rawKeyDown", "keyUp"} {
			b.call("Input.dispatchKeyEvent", map[string]any{"type": typ, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9}, nil)
		}
		var at string
		b.eval(`(`+id+`)(document.activeElement)`, &at)
		got = append(got, at)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the tabulator goes to %q, want %q", name, got, want)
	}
}

// What the browser tells a screen reader has names.
func checkNames(t *testing.T, b *browser, name string) {
	t.Helper()
	var tree struct {
		Nodes []struct {
			Ignored    bool
			Role, Name struct{ Value any }
		}
	}
	b.call("Accessibility.getFullAXTree", nil, &tree)
	roles := make(map[string]int)
	for _, n := range tree.Nodes {
		role := fmt.Sprint(n.Role.Value)
		if n.Ignored {
			continue
		}
		roles[role]++
		label := strings.TrimSpace(fmt.Sprint(n.Name.Value))
		switch role {
		case "image", "region", "table", "heading", "link", "button", "RootWebArea":
			if n.Name.Value == nil || label == "" {
				t.Errorf("%s: a %s has no name", name, role)
			}
		}
	}
	if roles["heading"] < 2 || roles["table"] < 1 || roles["main"] != 1 || roles["rowheader"] < 6 || roles["columnheader"] < 3 {
		t.Errorf("%s: a screen reader is told of %v", name, roles)
	}
}

// brightness is that of a picture, from 0 to 1.
func brightness(t *testing.T, data []byte) float64 {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var sum, n float64
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 3 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 3 {
			r, g, b, _ := img.At(x, y).RGBA()
			sum += float64(r+g+b) / (3 * 0xffff)
			n++
		}
	}
	return sum / n
}

// TestPicture writes the picture that documents show, when it is asked to: a page
// in two columns, in few colours so that it stays small.
func TestPicture(t *testing.T) {
	if *picture == "" {
		return
	}
	b := newBrowser(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(html(t, views()["stopped"]))) }))
	t.Cleanup(server.Close)
	const width = 800
	b.open(server.URL)
	b.show(width, "light", "screen")
	var cut int // above the heading that begins the second column
	b.eval(`Math.round(document.getElementById("columns").getBoundingClientRect().top + scrollY) - 24`, &cut)
	img, err := png.Decode(bytes.NewReader(b.screenshot(width, 0)))
	if err != nil {
		t.Fatal(err)
	}
	height := max(cut, img.Bounds().Dy()-cut)
	all := image.NewRGBA(image.Rect(0, 0, 2*width, height))
	draw.Draw(all, all.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(all, image.Rect(0, 0, width, cut), img, image.Point{}, draw.Src)
	draw.Draw(all, image.Rect(width, 0, 2*width, height), img, image.Pt(0, cut), draw.Src)
	counts := make(map[color.Color]int)
	for y := range height {
		for x := range 2 * width {
			counts[all.RGBAAt(x, y)]++
		}
	}
	palette := color.Palette(slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return counts[b] - counts[a] }))
	few := image.NewPaletted(all.Bounds(), palette[:min(len(palette), 64)])
	draw.Draw(few, few.Bounds(), all, image.Point{}, draw.Src)
	var out bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, few); err != nil {
		t.Fatal(err)
	}
	if out.Len() > 150<<10 {
		t.Errorf("the picture has %d bytes", out.Len())
	}
	if err := os.WriteFile(*picture, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
