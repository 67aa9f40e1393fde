package planview_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// hostile is a text that tries to be more than text.
const hostile = "</td></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'`&#x3c;{{.CSS}}\x1b[2J\x1b]0;t\a\r\n\x00\u202egpj.exe\u2066\u200b\ufeff\u2028\xff\U000e0041"

// hostileView holds it wherever text from elsewhere can be.
func hostileView() *planview.View {
	r := &splio.Report{
		Plan: hostile, Reason: hostile, Read: 1, Rejected: 1, Updated: 1, Left: 1, LeftSkipped: hostile,
		Rejections: []splio.RejectionCount{{Field: hostile, Attribute: "a" + hostile, Reason: hostile, Action: mapping.Action(hostile), Count: 1}},
		Columns:    []splio.ColumnCount{{Name: hostile, Changed: 1}, {Name: "b" + hostile, Changed: 1, Added: true}},
		Dropped:    []string{hostile}, Unverified: []string{hostile}, Doubts: []string{hostile}, Waiting: []string{hostile}, WaitingUnknown: true,
		Brakes: []splio.BrakeReading{
			{Brake: splio.BrakeColumnChanged, Column: hostile, Count: 9, Total: 10, Share: 0.9, Limit: 0.5, Hit: true},
			{Brake: splio.Brake(hostile), Column: hostile, Count: 9, Total: 10, Share: 0.9, Hit: true},
		},
		Files:   []splio.File{{Name: hostile, Rows: 1, SuffixUnconfirmed: true, Replaced: 3}},
		Resumed: &splio.Report{Plan: hostile},
	}
	return planview.New(r, planview.Options{
		Title: hostile, Time: day, State: splio.PlanBraked, Release: hostile,
		History: []splio.RunRecord{{Time: day, Read: 1, Outcome: hostile}, {Time: day, Read: -1, Inserted: -5, Outcome: hostile}},
		Samples: []planview.Sample{{File: hostile, Columns: []string{hostile}, Rows: [][]string{{hostile, "more cells than columns"}, {}}}},
	})
}

// What a browser or a terminal would act upon is shown, and not acted upon.
func TestHostile(t *testing.T) {
	v := hostileView()
	for name, out := range map[string]string{"text": text(t, v, planview.TextOptions{}), "narrow text": text(t, v, planview.TextOptions{Width: 1}), "HTML": html(t, v)} {
		for _, r := range out {
			if r != '\n' && !unicode.IsGraphic(r) {
				t.Errorf("%s: holds U+%04X as it is", name, r)
				break
			}
		}
	}
	page := html(t, v)
	for _, bad := range []string{"<script", "<img", "onerror=alert(2)>", "&#x3c;", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	if !strings.Contains(page, "&lt;U&#43;202E&gt;") {
		t.Error("the page does not show the override of the direction by its code")
	}
	for l := range strings.Lines(text(t, v, planview.TextOptions{})) {
		if strings.HasPrefix(l, "\x1b") || strings.HasPrefix(l, "gpj") {
			t.Errorf("a name began a line of its own: %q", l)
		}
	}
	var b bytes.Buffer
	if err := v.JSON(&b); err != nil {
		t.Fatal(err)
	}
	var back planview.View
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if want := strings.ToValidUTF8(hostile, "\ufffd"); back.Report.Files[0].Name != want {
		t.Errorf("JSON holds %q, want the name as it is, %q", back.Report.Files[0].Name, want)
	}
}

func TestFormulas(t *testing.T) {
	for _, c := range []struct{ value, want, why string }{
		{"=1+1", "'=1+1", "a formula"},
		{"@SUM(A1)", "'@SUM(A1)", "one of an older spreadsheet"},
		{"+cmd", "'+cmd", "one that begins with a sign"},
		{"-1-2", "'-1-2", "a calculation"},
		{" =1+1", "' =1+1", "spaces are cut on pasting"},
		{"-80", "-80", "a number"},
		{"+12.50", "+12.50", "a number"},
		{"-1.", "'-1.", "no plain number"},
		{"+1,-3", "'+1,-3", "lists to join"},
		{"a=b", "a=b", "no formula"},
		{"", "", "an empty cell"},
	} {
		v := planview.New(usual(), planview.Options{Samples: []planview.Sample{{Columns: []string{"c"}, Rows: [][]string{{c.value}}}}})
		if got := text(t, v, planview.TextOptions{}); !strings.HasSuffix(got, strings.TrimRight("\n  c: "+strings.Join(strings.Fields(c.want), " "), " ")+"\n") {
			t.Errorf("%q in text: want %q: %s\n%s", c.value, c.want, c.why, got[len(got)-60:])
		}
		want := strings.NewReplacer("'", "&#39;", "+", "&#43;").Replace(c.want)
		if page := html(t, v); !strings.Contains(page, `<td dir="auto">`+want+"</td>") {
			t.Errorf("%q in HTML: want %q: %s", c.value, c.want, c.why)
		}
	}
}

// Values are there only when they are asked for, and stay on the page only.
func TestNoValues(t *testing.T) {
	if page := html(t, views()["usual"]); strings.Contains(page, "example.com") || !strings.Contains(page, "holds no value") {
		t.Error("the page holds values, or does not say that it does not")
	}
	if page := html(t, views()["samples"]); !strings.Contains(page, "Personal data") || strings.Contains(page, "holds no value") {
		t.Error("the page does not say that it holds values")
	}
}
