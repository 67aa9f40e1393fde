package planview_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	name = filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s\nrun with -update when this is right", name, diff)
	}
}

func TestGolden(t *testing.T) {
	all := views()
	for _, name := range []string{"usual", "stopped", "released", "first", "samples", "nothing", "hostile"} {
		golden(t, name+".txt", text(t, all[name], planview.TextOptions{}))
	}
	golden(t, "stopped-40.txt", text(t, all["stopped"], planview.TextOptions{Width: 40}))
	golden(t, "stopped-colour.txt", text(t, all["stopped"], planview.TextOptions{Width: 120, Colour: true}))
	for _, name := range []string{"stopped", "samples", "hostile"} {
		golden(t, name+".html", html(t, all[name]))
	}
	for _, name := range []string{"stopped", "samples", "nil"} {
		var b bytes.Buffer
		if err := all[name].JSON(&b); err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", b.String())
	}
}

// A view in JSON is the view.
func TestJSONRoundTrip(t *testing.T) {
	for name, v := range views() {
		if name == "hostile" { // it is no valid UTF-8
			continue
		}
		var b bytes.Buffer
		if err := v.JSON(&b); err != nil {
			t.Fatal(err)
		}
		var back planview.View
		dec := json.NewDecoder(&b)
		dec.DisallowUnknownFields()
		if err := dec.Decode(&back); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(&back, v) {
			t.Errorf("%s: %s", name, cmp.Diff(v, &back))
		}
	}
}

// Every key is in the package comment, which promises that they stay.
func TestJSONKeys(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(doc), "# JSON")
	if !found {
		t.Fatal("the package comment has no section on JSON")
	}
	words := make(map[string]bool)
	for w := range strings.FieldsFuncSeq(table, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') }) {
		words[w] = true
	}
	for _, typ := range []any{planview.View{}, planview.Stop{}, planview.Way{}, splio.RunRecord{}, planview.Sample{}, planview.View{}.Report} {
		for f := range reflect.TypeOf(typ).Fields() {
			if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !words[key] {
				t.Errorf("%T: the key %q is not in the package comment", typ, key)
			}
		}
	}
}

// No line is wider than the terminal, but for commands, which are to be copied.
func TestWidth(t *testing.T) {
	for name, v := range views() {
		for _, width := range []int{0, 1, 40, 61, 80, 200} {
			most := max(width, 40)
			if width == 0 {
				most = 80
			}
			code := ""
			if len(v.Ways) > 0 && name != "hostile" {
				code = v.Ways[len(v.Ways)-1].Code
			}
			for l := range strings.Lines(text(t, v, planview.TextOptions{Width: width})) {
				l = strings.TrimSuffix(l, "\n")
				isCode := strings.HasPrefix(l, "   ") && (name == "hostile" || strings.Contains(l, "plan.Release") || code != "" && strings.Contains(l, code))
				if n := utf8.RuneCountInString(l); n > most && !isCode {
					t.Errorf("%s at %d: a line of %d columns: %q", name, width, n, l)
				}
			}
		}
	}
}
