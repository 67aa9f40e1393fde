package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/splio"
)

const imports = `{"acme":{"contacts":{"crm":{"create contacts":"1","update contacts":"1"}},"deletecontacts":{"gone":{}}}}`

func TestRows(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert", "-rows", "full").want(t, statusDone)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Evi,3\n")
	b.sync(day2, "-insert", "-rows", "changed", "-suffix", "-v{part}").want(t, statusDone, "2 updated")
	if got, want := b.read("acme_contacts_crm_20260302.csv")+b.read("acme_contacts_crm_20260302-v2.csv"), "email;points\nada@example.com;9\n"; !strings.Contains(got, want) || strings.Contains(got, "Bob") {
		t.Errorf("sent %q", got)
	}
	b.sync("-dry-run", "-rows", "exact").want(t, statusDone)
	for _, tt := range []struct{ reason, flags, message string }{
		{"a kind of rows", "-rows some", `-rows "some" is none of full, changed and exact`},
		{"a suffix tells files apart", "-suffix _late", `-suffix "_late"`},
	} {
		b.sync(strings.Fields(tt.flags)...).want(t, statusConfig, tt.message)
	}
}

// New contacts may go to a sub-sequence of their own, and on lists.
func TestNewContacts(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert", "-creating", "new", "-subscribe", "3, 7").want(t, statusDone, "3 inserted")
	if got, want := b.read("acme_contacts_new_20260301.csv"), "email;firstname;points;subscriptions\nada@example.com;Ada;1;+3,+7\n"; !strings.HasPrefix(got, want) {
		t.Errorf("sent %q", got)
	}
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n")
	b.sync(day2, "-insert", "-creating", "new", "-subscribe", "3,7").want(t, statusDone, "1 updated")
	if got, want := b.read("acme_contacts_crm_20260302.csv"), "email;firstname;points\nada@example.com;Ada;9\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	b.sync("-creating", "crm", "-subscribe", "3").want(t, statusConfig, "-creating is the same as -subsequence", "-creating is for contacts that are inserted, and -insert is not given", "-subscribe is for")
	b.sync("-insert", "-creating", "a b", "-subscribe", "64").want(t, statusConfig, `-creating "a b"`, "-subscribe: ids of lists are 0 to 63")
	b.sync("-insert", "-subscribe", "x").want(t, statusConfig, `-subscribe "x": ids of lists are numbers`)
}

// Files are written as it was settled with Splio.
func TestFormat(t *testing.T) {
	for _, tt := range []struct{ name, format, want string }{
		{"by default", "", "email;firstname;points\nada@example.com;\"A\"\"d;a\";1\n"},
		{"all quoted, by backslashes", "quotes=all,backslash", "\"ada@example.com\";\"A\\\"d;a\";\"1\"\n"},
		{"never quoted, for Windows", "quotes=never, crlf,open-end", "email;firstname;points\r\nada@example.com;A'd,a;1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.setSegment("email,first_name,points\n", "ada@example.com,\"A\"\"d;a\",1\n")
			view := filepath.Join(filepath.Dir(b.segment), "view.json")
			b.sync(day1, "-insert", "-plan", "-format", tt.format, "-view", view, "-samples", "1").want(t, statusDone)
			if v := b.see(view); len(v.Samples) != 1 || v.Samples[0].Rows[0][0] != "ada@example.com" {
				t.Errorf("samples %+v", v.Samples)
			}
			b.sync("-apply", "-format", tt.format).want(t, statusDone)
			if got := b.read("acme_contacts_crm_20260301.csv"); !strings.HasSuffix(got, tt.want) {
				t.Errorf("sent %q, want it to end in %q", got, tt.want)
			}
		})
	}
	b := newBench(t)
	b.sync(day1, "-insert", "-format", "quotes=reject,max-lines=3").want(t, statusDone, "acme_contacts_crm_20260301.csv: 2 rows", "acme_contacts_crm_20260301_2.csv: 1 rows")
	b = newBench(t)
	b.sync(day1, "-insert", "-format", "max-bytes=50").want(t, statusDone, "acme_contacts_crm_20260301_3.csv: 1 rows")
	for _, tt := range []struct{ reason, format, message string }{
		{"no setting", "windows", `-format "windows" is none of quotes=all, `},
		{"a switch", "crlf=no", `-format "crlf=no" is none of`},
		{"no value", "quotes", `-format "quotes" is none of`},
		{"no number", "max-lines=many", `-format "max-lines=many": give a number`},
		{"too many", "max-lines=300000", "-format max-lines is 300000"},
		{"less than nothing", "max-bytes=-1", "-format max-bytes is -1"},
		{"some quotes", "quotes=some", `-format quotes is "some"`},
		{"nothing to escape", "quotes=never,backslash", `-format backslash makes no sense with quotes "never"`},
	} {
		b.sync("-format", tt.format).want(t, statusConfig, tt.message)
	}
}

// What Splio's configuration says is compared with what the flags ask for.
func TestImports(t *testing.T) {
	b := newBench(t)
	only := b.beside("update.json", strings.Replace(imports, `"create contacts":"1"`, `"create contacts":"0"`, 1))
	b.sync("-imports", only, "-insert").want(t, statusConfig, "create contacts")
	b.sync("-imports", only, "-dry-run").want(t, statusDone)
	b.sync("-imports", b.beside("other.json", `{"other":{}}`), "-rows", "x").want(t, statusConfig, `it says nothing of universe "acme"`, `-rows "x"`)
	b.sync("-imports", "nowhere.json").want(t, statusConfig, "-imports: open nowhere.json")
	b.sync("-imports", b.beside("all.json", imports), "-insert").want(t, statusDone)
}

func TestLeft(t *testing.T) {
	for _, tt := range []struct {
		name, reason string
		flags        []string
		says         []string
		file, rows   string
	}{
		{"nothing", "the default", nil, []string{"left the segment: 1 (nothing is sent about them)"}, "", ""},
		{"lists and attributes", "both go together", []string{"-left-unsubscribe", "3, 7", "-left-clear", "points"},
			[]string{"left the segment: 1 (1 rows are sent about them)", "to be settled with Splio: "}, "acme_contacts_crm_20260302.csv", "eve@example.com;-3,-7;\n"},
		{"deleted", "through a sub-sequence of its own", []string{"-left-delete", "gone"},
			[]string{"left the segment: 1 (1 to be deleted)"}, "acme_deletecontacts_gone_20260302.csv", "eve@example.com\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			flags := append([]string{"-insert"}, tt.flags...)
			b.sync(append(flags, day1)...).want(t, statusDone)
			b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,2\n")
			b.sync(append(flags, day2)...).want(t, statusDone, tt.says...)
			if tt.file != "" {
				if got := b.read(tt.file); !strings.HasSuffix(got, tt.rows) {
					t.Errorf("%s: sent %q, want it to end in %q", tt.reason, got, tt.rows)
				}
			} else if len(names(t, b.drop)) != 1 {
				t.Errorf("%s: sent %q", tt.reason, names(t, b.drop))
			}
		})
	}
	t.Run("records without a key", func(t *testing.T) { // which may be those of who seems to have left
		b := newBench(t)
		b.sync("-insert", "-left-unsubscribe", "3", day1).want(t, statusDone)
		b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Bob,2\n", ",Nobody,3\n")
		b.sync("-insert", "-left-unsubscribe", "3", day2).want(t, statusDone, "there are more than -max-unusable", "not in the segment, but maybe not gone: 1 (a record without a usable key", "nothing to send")
		page := filepath.Join(filepath.Dir(b.segment), "view.txt")
		b.sync("-insert", "-left-unsubscribe", "3", day2, "-dry-run", "-view", page).want(t, statusDone)
		if text := strings.Join(strings.Fields(readText(t, page)), " "); !strings.Contains(text, "there are more than -max-unusable") {
			t.Errorf("the view does not say why nothing is done: %s", text)
		}
		b.sync("-insert", "-left-unsubscribe", "3", day2, "-max-unusable", "1").want(t, statusDone, "left the segment: 1 (1 rows are sent about them)")
		b.sync("-insert", "-max-unusable", "-1").want(t, statusConfig, "-max-unusable is negative")
	})
	b := newBench(t)
	b.sync("-left-unsubscribe", "64,x", "-left-clear", "email").want(t, statusConfig, `-left-unsubscribe "x"`)
	b.sync("-left-unsubscribe", "64", "-left-clear", "email").want(t, statusConfig, "-left-unsubscribe: ids of lists are 0 to 63", `-left-clear: "email" is the key`)
	b.sync("-left-delete", "gone", "-left-clear", "points").want(t, statusConfig, "-left-delete leaves nothing")
}

func TestWaitFor(t *testing.T) {
	b := newBench(t)
	b.sync(day1, "-insert").want(t, statusDone)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n")
	b.sync(day2, "-insert", "-waiting", "wait", "-wait-for", "1ms").want(t, statusFailed, "files of an earlier plan still wait", "acme_contacts_crm_20260301.csv")
	for _, tt := range []struct{ reason, flags, message string }{
		{"nobody waits", "-wait-for 1h", "-wait-for is for -waiting wait"},
		{"no time", "-waiting wait -wait-for -1h", "-wait-for is less than nothing"},
		{"no unit", "-waiting wait -wait-for 90", "-wait-for"},
	} {
		b.sync(strings.Fields(tt.flags)...).want(t, statusConfig, tt.message)
	}
	o := options{waiting: "wait", waitFor: time.Minute}
	var a splio.Activation
	if err := parseWaiting(&o, &a); err != nil || a.Waiting != splio.AwaitWaiting || a.WaitFor != time.Minute {
		t.Errorf("%+v, %v", a, err)
	}
}

// Every flag is explained in the README, and belongs to one group.
func TestFlagsAreExplained(t *testing.T) {
	readme := readText(t, "README.md")
	help := syncCtx(t.Context(), []string{"-help"}).stdout
	var all []string
	for _, g := range new(options).groups() {
		for _, name := range flagNames(g) {
			if slices.Contains(all, name) {
				t.Errorf("-%s is in two groups", name)
			}
			all = append(all, name)
			if !strings.Contains(readme, "-"+name) {
				t.Errorf("the README does not explain -%s", name)
			}
			if !strings.Contains(help, "\n  -"+name) {
				t.Errorf("-help does not explain -%s", name)
			}
		}
	}
	if len(all) < 40 {
		t.Errorf("%d flags", len(all))
	}
	for name, want := range map[string]bool{"adopt": true, "insert": true, "direct": true, "segment": false, "explain": false, "nothing": false} {
		if isSwitch(name) != want {
			t.Errorf("isSwitch(%q) is %v", name, !want)
		}
	}
}
