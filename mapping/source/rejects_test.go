package source_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/source"
)

// reject renders a segment and writes what is rejected: the file, and the fields and reasons.
func reject(t testing.TB, src mapping.Source, m mapping.Mapping) (file string, why []string, taken int, err error) {
	t.Helper()
	fields, err := src.Fields(t.Context())
	if err != nil {
		return "", nil, 0, err
	}
	mapper, err := m.Bind(fields, mapping.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	rejects, err := source.NewRejects(&out, fields)
	if err != nil {
		t.Fatal(err)
	}
	var row mapping.Row
	for rec, err := range src.Records(t.Context()) {
		if err != nil {
			return "", nil, 0, err
		}
		if mapper.Render(&row, rec); row.OK {
			taken++
			continue
		}
		var reasons strings.Builder
		for _, r := range row.Rejections {
			fmt.Fprintf(&reasons, "%s: %s. ", r.Field, r.Reason)
		}
		why = append(why, reasons.String())
		if err := rejects.Write(rec, row.Rejections); err != nil {
			t.Fatal(err)
		}
	}
	if err := rejects.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String(), why, taken, nil
}

var strict = mapping.Mapping{
	Key: mapping.Field{From: "email", To: "email", Type: mapping.Email},
	Fields: []mapping.Field{
		{From: "phone", To: "phone", Custom: true, Type: mapping.Phone, Invalid: mapping.Reject},
		{From: "name, first", To: "name", Custom: true, Invalid: mapping.Reject},
	},
}

func TestRejects(t *testing.T) {
	const text = "email,phone,\"name, first\"\n" +
		"lea@example.com,+33639980102,Léa\n" + // taken
		"lea@,+33639980102,\"Léa \"\"L\"\"; M\"\n" +
		",0639980102,=1+1\n" +
		"tom@example.com,1,\"two\r\nlines\"\n" +
		"tom@example.com,+33639980102,\xff\n" +
		"short,1\n" +
		"long,1,2,3\n" +
		"quote\",1,2\n"
	file, why, taken, err := reject(t, source.CSV(strings.NewReader(text), source.CSVOptions{}), strict)
	if err != nil || taken != 1 {
		t.Fatalf("%d taken, %v", taken, err)
	}
	want := "\ufeffemail;phone;\"name, first\";reject_line;reject_field;reject_reason\n" +
		"lea@;+33639980102;\"Léa \"\"L\"\"; M\";3;email;not an e-mail address\n" +
		";0639980102;=1+1;4;\"email; phone\";\"no value; not an international phone number\"\n" +
		"tom@example.com;1;\"two\nlines\";5;phone;not an international phone number\n" +
		"tom@example.com;+33639980102;\xff;7;\"name, first\";not valid UTF-8\n" +
		"short;1;;;8;;not as many values as there are fields\n" +
		"long;1;2;3;9;;not as many values as there are fields\n" +
		"\"quote\"\",1,2\";;;;10;;a quote where none can be\n"
	if diff := cmp.Diff(want, file); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}

	// Fed back as it is, it gives the same again, as often as one likes. A misplaced quote cannot be had twice: its line
	// has become one cell, one too few.
	why[len(why)-1] = why[len(why)-2]
	for range 3 {
		var again []string
		file, again, taken, err = reject(t, source.CSV(strings.NewReader(file), source.CSVOptions{}), strict)
		if diff := cmp.Diff(why, again); diff != "" || err != nil || taken != 0 {
			t.Errorf("fed back: %d taken, %v, why (-want +got):\n%s", taken, err, diff)
		}
		if strings.Count(file, "reject_line") != 1 {
			t.Errorf("the columns have grown: %s", file)
		}
	}
	repaired := strings.Replace(file, "lea@;", "lea@example.com;", 1)
	if _, again, taken, err := reject(t, source.CSV(strings.NewReader(repaired), source.CSVOptions{}), strict); err != nil || taken != 1 || len(again) != len(why)-1 {
		t.Errorf("repaired: %d taken, %d rejected, %v", taken, len(again), err)
	}
}

func TestRejectsTypedValues(t *testing.T) {
	values := []mapping.Value{
		{}, mapping.StringValue("+4,-1"), mapping.StringValue("2024-01-02"), mapping.IntegerValue(-7), mapping.DecimalValue("1.50"), mapping.FloatValue(0.25), mapping.BooleanValue(true),
		mapping.DateValue(2024, 7, 1), mapping.DateTimeValue(time.Date(2024, 7, 1, 22, 30, 0, 0, time.UTC)), mapping.JSONValue([]byte(`["a", 1]`)),
	}
	fields := strings.Split("null text like number decimal float bool day instant list", " ")
	var out strings.Builder
	rejects, err := source.NewRejects(&out, fields)
	if err != nil {
		t.Fatal(err)
	}
	if err := rejects.Write(&mapping.Record{Seq: 1, Values: values}, nil); err != nil {
		t.Fatal(err)
	}
	if err := rejects.Write(&mapping.Record{Seq: 2, Values: values, Err: source.ErrType}, nil); err != nil {
		t.Fatal(err)
	}
	if err := rejects.Close(); err != nil {
		t.Fatal(err)
	}
	const row = `;"+4,-1";2024-01-02;-7;1.50;0.25;1;2024-07-01;2024-07-01T22:30:00Z;"[""a"", 1]";`
	want := "\ufeff" + strings.Join(fields, ";") + ";reject_line;reject_field;reject_reason\n" + row + ";;\n" + row + ";;;\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("file (-want +got):\n%s", diff)
	}
	_, records, err := read(t, source.CSV(strings.NewReader(out.String()), source.CSVOptions{}))
	if err != nil || len(records) != 2 || !strings.HasPrefix(records[1], "3! ") {
		t.Errorf("a record that its source rejected: %q, %v", records, err)
	}
}

type brokenWriter struct{ left int }

var errDisk = errors.New("the disk is full")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDisk
	}
	return len(p), nil
}

func TestRejectsErrors(t *testing.T) {
	for _, fields := range [][]string{nil, {"a", "\xff"}, {"a\x00"}, {"reject_line"}} {
		if _, err := source.NewRejects(&strings.Builder{}, fields); err == nil || !strings.HasPrefix(err.Error(), "source: ") {
			t.Errorf("%q: error %v", fields, err)
		}
	}
	rejects, err := source.NewRejects(&brokenWriter{100_000}, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	rec := &mapping.Record{Values: []mapping.Value{mapping.StringValue(strings.Repeat("x", 1000))}}
	for i := 0; err == nil && i < 1000; i++ {
		err = rejects.Write(rec, nil)
	}
	if closing := rejects.Close(); !errors.Is(err, errDisk) || !errors.Is(closing, errDisk) || !errors.Is(rejects.Write(rec, nil), errDisk) {
		t.Errorf("Write says %v, Close %v", err, closing)
	}
	rejects, err = source.NewRejects(&brokenWriter{10}, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	if err := rejects.Close(); !errors.Is(err, errDisk) {
		t.Errorf("Close says %v", err)
	}
	rejects, _ = source.NewRejects(&strings.Builder{}, []string{"a"})
	if err := rejects.Close(); err != nil || rejects.Write(rec, nil) == nil {
		t.Errorf("a closed file takes records; Close says %v", err)
	}
}

// Whatever a segment is like, its rejects are rejected again: none is taken by being written and read.
func FuzzRejects(f *testing.F) {
	f.Add("email;phone;name, first\nlea@;\"1;;2\n\";x\n1\n1;2;3;4;5;6\n\"\"x\n")
	f.Add("email|phone|name, first|reject_line\n|\n||||\n\r|\"\ufeff\"|\"\"\"\"|\n")
	f.Fuzz(func(t *testing.T, text string) {
		m := strict
		m.Key.Type = mapping.Lists // which is hardly ever right
		file, why, _, err := reject(t, source.CSV(strings.NewReader("email;phone;\"name, first\"\n"+text), source.CSVOptions{}), m)
		if err != nil {
			return
		}
		again, whyAgain, taken, err := reject(t, source.CSV(strings.NewReader(file), source.CSVOptions{}), m)
		if err != nil || taken > 0 || len(why) != len(whyAgain) {
			t.Fatalf("%q\n%q: %d taken, %d and %d rejected, %v", text, file, taken, len(why), len(whyAgain), err)
		}
		if third, _, taken, err := reject(t, source.CSV(strings.NewReader(again), source.CSVOptions{}), m); err != nil || taken > 0 || strings.Count(third, "\n") < len(why) {
			t.Fatalf("%q: %d taken, %v", again, taken, err)
		}
	})
}
