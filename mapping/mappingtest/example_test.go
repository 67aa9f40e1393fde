package mappingtest_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/mapping/mappingtest"
	"github.com/spliosync/spliosync/mapping/source"
)

// printer stands in for the *testing.T of a test. It prints the first line of a failure.
type printer struct{ testing.TB }

func (printer) Helper()                  {}
func (printer) Context() context.Context { return context.Background() }

func (printer) Errorf(format string, args ...any) {
	first, _, _ := strings.Cut(fmt.Sprintf(format, args...), "\n")
	fmt.Println("FAIL:", first)
}

func (p printer) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

var newsletter = mapping.Mapping{
	Key: mapping.Field{From: "mail", To: "email", Type: mapping.Email},
	Fields: []mapping.Field{
		{From: "first_name", To: "firstname", Transforms: []mapping.Transform{{Name: "trim"}}},
		{From: "mobile", To: "cellphone", Type: mapping.Phone, Invalid: mapping.Absent},
	},
}

func ExampleNew() {
	t := printer{} // the *testing.T of your test

	k := mappingtest.New(t, newsletter, mapping.Options{})
	k.Row(map[string]any{"mail": "Ann@Example.NET", "first_name": " Ann "}).
		Want(map[string]string{"email": "ann@example.net", "firstname": "Ann"})
	k.Row(map[string]any{"mail": "bob@example.net", "mobile": "06 39 98 01 17"}).
		Want(map[string]string{"firstname": "", "cellphone": mappingtest.Absent}).
		Reports("cellphone", mapping.ReasonPhone, mapping.Omitted)
	k.Rejects(map[string]any{"mail": ""}, "email", mapping.ReasonNoValue)

	k.Row(map[string]any{"mail": "cy@example"}).Want(map[string]string{"email": "cy@example"})
	// Output:
	// FAIL: mappingtest: the record is rejected, want a row
}

func ExampleKit_Golden() {
	t := printer{}

	k := mappingtest.New(t, newsletter, mapping.Options{})
	k.Golden("testdata/newsletter.jsonl", map[string]map[string]any{
		"all fields":     {"mail": "ann@example.net", "first_name": "Ann", "mobile": "+33 6 39 98 01 17"},
		"national phone": {"mail": "bob@example.net", "first_name": "Bobby", "mobile": "06 39 98 01 17"},
	})
	// Output:
	// FAIL: mappingtest: testdata/newsletter.jsonl: 1 of 2 records differ from the golden file:
}

func ExampleKit_Sample() {
	t := printer{}

	k := mappingtest.New(t, newsletter, mapping.Options{})
	k.Sample("testdata/sample.jsonl", source.CSVFile("testdata/sample.csv", source.CSVOptions{}))
	fmt.Println("the rest of the test")
	// Output:
	// the rest of the test
}
