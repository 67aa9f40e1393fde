package mapping_test

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// Rendered values must show nowhere: as text, as the list of their bytes, in hexadecimal or in base64.
func TestNothingShowsAValue(t *testing.T) {
	const secret = "swordfish"
	forms := []string{secret, strings.ToUpper(secret), fmt.Sprint([]byte(secret))[1:30], fmt.Sprintf("%x", secret), fmt.Sprintf("%#v", []byte(secret))[7:40], "c3dvcmRmaXNo", "987654321", "1999-09-19", "937699200"}

	m := bind(t, mapping.Mapping{
		Key: mapping.Field{From: "a", To: "email"},
		Fields: []mapping.Field{
			{From: "a", To: "cellphone"}, {From: "a", To: "language", Invalid: mapping.Absent}, {From: "a", To: "lists", Invalid: mapping.Reject},
			{From: "b", To: "n", Custom: true, Type: mapping.Lists}, {From: "c", To: "d", Custom: true, Type: mapping.Integer},
		},
		Custom: []string{"a"},
	}, []string{"a", "b", "c"}, destination())
	rec := &mapping.Record{Seq: 1, Line: 2, Values: []mapping.Value{
		mapping.StringValue(secret), mapping.IntegerValue(987654321), mapping.DateTimeValue(time.Date(1999, 9, 19, 0, 0, 0, 0, time.UTC)),
	}}
	var row mapping.Row
	m.Render(&row, rec)
	if len(row.Rejections) != 6 || row.Rejections[0].Value() != secret || row.Rejections[4].Value() != "987654321" || row.Rejections[5].Value() != "1999-09-19 02:00:00" {
		t.Fatalf("rejections %v: the test has lost its point", row.Rejections)
	}

	type hidden struct{ r mapping.Rejection } // formatters cannot call methods on what is in there
	type hiddenText struct{ v mapping.Value }
	things := map[string]any{
		"record": rec, "record by value": *rec, "row": &row, "row by value": row, "rejections": row.Rejections, "rejection": row.Rejections[0], "rejection pointer": &row.Rejections[0],
		"rejection in a struct": hidden{row.Rejections[0]}, "value in a struct": hiddenText{rec.Values[0]}, "decimal in a struct": hiddenText{mapping.DecimalValue(secret)},
		"text": mapping.TextValue([]byte(secret)), "string": rec.Values[0], "integer": rec.Values[1], "time": rec.Values[2], "decimal": mapping.DecimalValue(secret),
		"json": mapping.JSONValue([]byte(`["` + secret + `"]`)), "json in a struct": hiddenText{mapping.JSONValue([]byte(`["` + secret + `"]`))}, "float": mapping.FloatValue(987654321), "date": mapping.DateValue(1999, 9, 19), "value pointer": &rec.Values[0], "mapper": m,
	}
	for name, thing := range things {
		var out bytes.Buffer
		if data, ok := thing.(encoding.TextMarshaler); ok {
			text, err := data.MarshalText()
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			out.Write(text)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%50.40s"} {
			fmt.Fprintf(&out, verb+"\n", thing)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "thing", thing)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "thing", thing)
		data, err := json.Marshal(thing)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		out.Write(data)
		for _, form := range forms {
			if strings.Contains(out.String(), form) {
				t.Errorf("%s shows %q:\n%s", name, form, &out)
			}
		}
	}
	// A rejection keeps its value from everything, even a printer that follows all pointers.
	var deep strings.Builder
	for _, thing := range []any{&row.Rejections[0], hidden{row.Rejections[0]}} {
		follow(&deep, reflect.ValueOf(thing))
		for _, verb := range []string{"%p", "%w", "%s", "%x", "%+v"} {
			fmt.Fprintf(&deep, verb, thing)
		}
	}
	// What a row is made of holds what was rejected: only cells may show, and all these are blank.
	lone := three(t, mapping.Field{Type: mapping.Integer}, mapping.Options{})
	lone.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(secret), {}, {}}})
	for _, verb := range []string{"%v", "%+v", "%x", "%s"} {
		fmt.Fprintf(&deep, verb, struct{ row mapping.Row }{row})
	}
	for _, form := range forms {
		if strings.Contains(deep.String(), form) {
			t.Errorf("reflection shows %q:\n%s", form, &deep)
		}
	}

	refused := three(t, mapping.Field{Transforms: []mapping.Transform{{Name: "func", Func: "no"}}}, mapping.Options{Funcs: funcs()})
	refused.Render(&row, &mapping.Record{Values: []mapping.Value{mapping.StringValue("k"), mapping.StringValue(secret), {}, {}}})
	if r := row.Rejections[0]; r.Reason != mapping.ReasonFunc || r.Value() != secret {
		t.Errorf("the error of a function must show nowhere, and the value on purpose only: %v", r)
	}
	_, err := mapping.ValueOf(map[string]string{secret: secret})
	if _, failing := mapping.ValueOf(failing(secret)); err == nil || failing == nil || strings.Contains(err.Error()+failing.Error(), secret) {
		t.Errorf("ValueOf: %v; %v", err, failing)
	}
}

// follow writes all that reflection can reach from v.
func follow(out *strings.Builder, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			follow(out, v.Elem())
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			follow(out, field)
		}
	case reflect.String:
		fmt.Fprintf(out, "%q ", v.String())
	default:
		fmt.Fprintf(out, "%s ", v.Kind())
	}
}

func TestFormats(t *testing.T) {
	r := mapping.Rejection{Seq: 3, Line: 5, Field: "mail", Attribute: "email", Reason: mapping.ReasonEmail, Action: mapping.Rejected}
	if got, want := fmt.Sprintf("%v", r), `record 3, line 5, field "mail": not an e-mail address: rejected`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	data, err := json.Marshal(r)
	if row, err := json.Marshal(&mapping.Row{Seq: 3, Key: []byte("k"), Cells: [][]byte{[]byte("k")}}); err != nil || string(row) != `"Row(record 3, 1 cells, 0 rejections)"` {
		t.Errorf("a row is encoded as %s, %v", row, err)
	}
	if want := `{"seq":3,"line":5,"field":"mail","attribute":"email","reason":"not an e-mail address","action":"rejected"}`; err != nil || string(data) != want {
		t.Errorf("got %s, want %s", data, want)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "r", r)
	if !strings.Contains(log.String(), "r.line=5") {
		t.Errorf("log %s", &log)
	}
	for want, v := range map[string]mapping.Value{"Value(null)": {}, "Value(text)": mapping.StringValue("x"), "Value(datetime)": mapping.DateTimeValue(time.Unix(1, 0)), "Value(json)": mapping.JSONValue([]byte("[]"))} {
		if got := fmt.Sprintf("%+v", v); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

var errValuer = errors.New("no")
