package main

import (
	"compress/gzip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// rejects returns the content of the file of rejects, without its byte order mark; "" when there is none.
func (b *bench) rejects() string {
	b.t.Helper()
	b.noLeftovers()
	data, err := os.ReadFile(b.rejectsName())
	if os.IsNotExist(err) {
		return ""
	}
	if err != nil {
		b.t.Fatal(err)
	}
	info, err := os.Stat(b.rejectsName())
	if err != nil {
		b.t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		b.t.Errorf("mode of the rejects is %v", mode)
	}
	text, ok := strings.CutPrefix(string(data), "\ufeff")
	if !ok {
		b.t.Error("the rejects have no byte order mark")
	}
	return text
}

func (b *bench) rejectsName() string { return filepath.Join(filepath.Dir(b.segment), "rejects.csv") }

func (b *bench) noLeftovers() {
	b.t.Helper()
	if left := names(b.t, filepath.Dir(b.segment)); slices.ContainsFunc(left, func(n string) bool { return strings.HasSuffix(n, ".tmp") }) {
		b.t.Errorf("left over: %q", left)
	}
}

const (
	rejectsMapping = `{"key":{"from":"email","to":"email"},"fields":[{"from":"first_name","to":"firstname"},` +
		`{"from":"points","to":"points","custom":true,"type":"integer","invalid":"reject"}]}`
	rejectsSegment = "email,first_name,note,points\n" +
		"ada@example.com,Ada,,1\n" +
		"bob@example,\"B;o\"\"b\",\"two\nlines\",2\n" + // lines 3 and 4: address
		"eve@example.com,Ève,,dozens\n" + // line 5: points
		"zoe@example.com,Zoe\n" + // line 6: too few
		"twin@example.com,One,,1\n" + // line 7
		"TWIN@example.com,Two,,1\n" // line 8
	rejectsWritten = "email;first_name;note;points;reject_line;reject_field;reject_reason\n" +
		"bob@example;\"B;o\"\"b\";\"two\nlines\";2;3;email;not an e-mail address\n" +
		"eve@example.com;Ève;;dozens;5;points;not an integer\n" +
		"zoe@example.com;Zoe;;;;6;;not as many values as there are fields\n" +
		"twin@example.com;One;;1;7;email;another record with this key says otherwise\n" +
		"TWIN@example.com;Two;;1;8;email;another record with this key says otherwise\n"
)

// The full circle: what a run rejects is repaired in the file and fed back, while those who are not in it stay.
func TestRejectsCircle(t *testing.T) {
	b := newBench(t)
	b.setMapping(rejectsMapping)
	b.setSegment(rejectsSegment)
	rejects := "-rejects=" + b.rejectsName()

	b.sync(day1, "-insert", "-dry-run", rejects).want(t, statusDone, "read 6: 5 rejected", b.rejectsName()+": 5 rejected, to be repaired")
	if got := b.rejects(); got != rejectsWritten {
		t.Fatalf("rejects of the dry run: %q", got)
	}
	if err := os.Remove(b.rejectsName()); err != nil {
		t.Fatal(err)
	}
	o := b.sync(day1, "-insert", rejects)
	o.want(t, statusDone, "read 6: 5 rejected", b.rejectsName()+": 5 rejected, to be repaired")
	if got := b.rejects(); got != rejectsWritten {
		t.Fatalf("rejects: %q", got)
	}
	for _, value := range []string{"bob", "eve@", "dozens", "Zoe", "TWIN"} {
		if strings.Contains(o.stdout, value) {
			t.Errorf("the summary shows the value %q", value)
		}
	}

	// Fed back as it is, everything is rejected again.
	source := b.segment
	b.segment = filepath.Join(filepath.Dir(source), "repaired.csv")
	if err := os.Rename(b.rejectsName(), b.segment); err != nil {
		t.Fatal(err)
	}
	b.sync(day2, "-insert", "-partial", rejects).want(t, statusDone, "read 5: 5 rejected", "nothing to send")
	again := strings.NewReplacer(";3;email", ";2;email", ";5;points", ";4;points", ";6;;not as many values as there are fields", ";5;;not as many values as there are fields", ";7;email", ";6;email", ";8;email", ";7;email").Replace(rejectsWritten)
	if got := b.rejects(); got != again {
		t.Errorf("rejects of the rejects: %q, want %q", got, again)
	}

	// Repaired, all but one.
	b.setSegment("\ufeff", strings.NewReplacer("bob@example;", "bob@example.com;", "dozens", "33", "zoe@example.com;Zoe;;;;5;;", "zoe@example.com;Zoe;;4;5;;", "One;;1", "Two;;1").Replace(again))
	b.sync(day3, "-insert", "-partial", rejects).want(t, statusDone,
		"read 5: 0 rejected, 1 duplicate, 0 held back, 0 unchanged, 4 inserted, 0 updated", "not in the segment, but maybe not gone: 1")
	if r := b.counts(); r.Left != 0 {
		t.Errorf("%d contacts count as left", r.Left)
	}
	if got := b.rejects(); got != "" {
		t.Errorf("a run that rejected nothing left rejects of an earlier one: %q", got)
	}
	want := "email;firstname;points\nbob@example.com;\"B;o\"\"b\";2\neve@example.com;Ève;33\nzoe@example.com;Zoe;4\ntwin@example.com;Two;1\n"
	if got := b.read("acme_contacts_crm_20260303.csv"); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}

	// Once the source has been repaired as well there is nothing left to do.
	b.segment = source
	b.setSegment("email,first_name,note,points\n", "ada@example.com,Ada,,1\n", "bob@example.com,\"B;o\"\"b\",,2\n", "eve@example.com,Ève,,33\n",
		"zoe@example.com,Zoe,,4\n", "twin@example.com,Two,,1\n")
	b.sync("-insert", rejects).want(t, statusDone, "5 unchanged", "nothing to send")
	if r := b.counts(); r.Left != 0 || r.Uncertain != 0 || b.rejects() != "" {
		t.Errorf("at the end: %+v", r)
	}
}

// The file at hand is that of the last plan, and nothing else touches it.
func TestRejectsOfEarlierRuns(t *testing.T) {
	const header = "email;first_name;points;reject_line;reject_field;reject_reason\n"
	const bad = header + "bad;B;1;2;email;not an e-mail address\n"
	const worse = header + "worse;W;2;2;email;not an e-mail address\n"
	for _, tt := range []struct {
		name    string
		spoil   func(b *bench)
		flags   []string
		status  int
		message string
		want    string // "": no file
	}{
		{
			name:   "other rejects take the place of the earlier ones",
			spoil:  func(b *bench) { b.setSegment("email,first_name,points\nworse,W,2\n") },
			status: statusDone, message: "1 rejected, to be repaired",
			want: worse,
		}, {
			name:   "no rejects: the earlier ones are gone",
			spoil:  func(b *bench) { b.setSegment("email,first_name,points\nada@example.com,Ada,1\n") },
			status: statusDone, message: "read 1: 0 rejected",
		}, {
			name:   "no rejects in a dry run",
			spoil:  func(b *bench) { b.setSegment("email,first_name,points\nada@example.com,Ada,1\n") },
			flags:  []string{"-dry-run"},
			status: statusDone, message: "1 updated",
		}, {
			name:   "no plan, as the segment can not be read to its end",
			spoil:  func(b *bench) { b.setSegment("email,first_name,points\nworse,W,2\n\"cut") },
			status: statusFailed, message: "was left as it is, from an earlier run",
			want: bad,
		}, {
			name:   "wrong configuration",
			spoil:  func(b *bench) { b.setSegment("mail,first_name,points\nworse,W,2\n") },
			status: statusConfig, message: "nothing was done",
			want: bad,
		}, {
			name: "a plan that could not be delivered: its rejects are those of the plan",
			spoil: func(b *bench) {
				b.setSegment("email,first_name,points\nworse,W,2\nada@example.com,Ada,1\n")
				if err := os.Remove(b.drop); err != nil {
					b.t.Fatal(err)
				}
			},
			status: statusFailed, message: "NOT DELIVERED",
			want: worse,
		}, {
			name:   "no plan, as another one is to be ended first and can not be",
			spoil:  breakDelivery,
			status: statusFailed, message: "was left as it is, from an earlier run",
			want: bad,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.setSegment("email,first_name,points\nbad,B,1\n")
			rejects := "-rejects=" + b.rejectsName()
			b.sync(day1, rejects).want(t, statusDone)
			if got := b.rejects(); got != bad {
				t.Fatalf("rejects %q", got)
			}
			tt.spoil(b)
			for range 2 {
				b.sync(append(tt.flags, day2, rejects)...).want(t, tt.status, tt.message)
				if got := b.rejects(); got != tt.want {
					t.Errorf("rejects %q, want %q", got, tt.want)
				}
			}
		})
	}
}

// breakDelivery leaves a plan that is on its way to a directory that is gone.
func breakDelivery(b *bench) {
	b.t.Helper()
	segment, err := os.ReadFile(b.segment)
	if err != nil {
		b.t.Fatal(err)
	}
	b.setSegment("email,first_name,points\nada@example.com,Ada,1\n")
	o := options{segment: b.segment, mapping: b.mapping, universe: "acme", subsequence: "crm", state: b.state, to: b.drop}
	j, err := configure(&o, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	p, err := j.activation.Plan(b.t.Context(), j.segment)
	if err == nil {
		err = p.Release(b.t.Context(), "for this test")
	}
	if err == nil {
		err = os.Remove(b.drop)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.setSegment(string(segment))
}

// A run that can not keep its rejects sends nothing, and one that is called wrongly neither.
func TestRejectsRefused(t *testing.T) {
	b := newBench(t)
	b.setMapping(rejectsMapping)
	b.setSegment(rejectsSegment)
	dir := filepath.Dir(b.segment)
	if err := os.Link(b.segment, filepath.Join(dir, "link.csv")); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	for name, message := range map[string]string{
		filepath.Join(dir, "nowhere", "r.csv"): filepath.Join(dir, "nowhere") + " is not a directory",
		b.drop:                                 "is not a file",
		filepath.Join(b.drop, "r.csv"):         "is the drop directory",
		b.segment:                              "-rejects and -segment name the same file",
		filepath.Join(dir, "link.csv"):         "-rejects and -segment name the same file",
		b.mapping:                              "-rejects and -mapping name the same file",
		b.report:                               "-rejects and -report name the same file",
	} {
		b.sync(day1, "-rejects", name).want(t, statusConfig, message, "nothing was done")
	}
	if !reflect.DeepEqual(before, tree(t, dir)) {
		t.Error("a wrong call changed something")
	}

	// A name so long that the temporary one beside it can not be.
	b.sync(day1, "-rejects", filepath.Join(dir, strings.Repeat("r", 250))).want(t, statusFailed, "write the rejects: open ", "nothing was forgotten")
	if len(names(t, b.drop)) > 0 {
		t.Error("a run that could not keep its rejects sent something")
	}
	b.noLeftovers()
}

// What is rejected of JSON comes out as CSV, to be fed back like any other.
func TestRejectsOfJSON(t *testing.T) {
	b := newBench(t)
	b.setMapping(`{"key":{"from":"email","to":"email"},"fields":[{"from":"tags","to":"tags","custom":true,"flatten":"list"},{"from":"n","to":"n","custom":true,"type":"integer"}]}`)
	csv := b.segment
	b.segment = filepath.Join(filepath.Dir(csv), "segment.jsonl.gz")
	f, err := os.Create(b.segment)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	if _, err := z.Write([]byte(`{"email":"a@","n":12,"tags":["x","y, z"],"ok":true}` + "\n" + `{"email":"b@example.com","n":null,"tags":null,"ok":false}` + "\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	rejects := "-rejects=" + b.rejectsName()
	b.sync(day1, rejects).want(t, statusDone, "1 rejected", "1 updated")
	b.segment = csv
	b.setSegment(strings.Replace(b.rejects(), "a@", "a@example.com", 1))
	b.sync(day2, rejects, "-partial").want(t, statusDone, "0 rejected", "1 updated")
	if got, want := b.read("acme_contacts_crm_20260302.csv"), "email;tags;n\na@example.com;x, y, z;12\n"; got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
}
