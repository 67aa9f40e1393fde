package splio_test

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// renderings are digests of what TestRenderingVersion renders, by version.
var renderings = map[int]string{
	1: "37e4f690639d1622",
}

// TestRenderingVersion notices when the module makes other cells of the same
// values, or rejects others: then engines have to give out all records again, which
// they do when the version goes up.
func TestRenderingVersion(t *testing.T) {
	at := time.Date(2025, time.March, 30, 1, 30, 0, 5e8, time.UTC) // as summer time begins
	values := []mapping.Value{
		{}, mapping.StringValue(""), mapping.StringValue(" A\u0301 b\t\"c\"\n\\ "), mapping.StringValue("null"), mapping.TextValue([]byte("\xff")),
		mapping.StringValue(" ANN.LEE+x@Example.NET "), mapping.StringValue("ann@exa mple.net"), mapping.StringValue("Ÿ@example.net"),
		mapping.StringValue("+33 (0)6 12-34 56 78"), mapping.StringValue("0033612345678"), mapping.StringValue("0612345678"),
		mapping.StringValue("2025-03-30T01:30:00Z"), mapping.StringValue("2025-03-30"), mapping.StringValue("30/03/2025"),
		mapping.StringValue("1e3"), mapping.StringValue("-0.005"), mapping.StringValue("1,5"), mapping.StringValue("yes"), mapping.StringValue("pt_BR"),
		mapping.StringValue("+1,-3"), mapping.StringValue(`["a", {"b": 1}]`), mapping.StringValue("x;y"),
		mapping.DateValue(2024, time.February, 29), mapping.DecimalValue("12.500"), mapping.JSONValue([]byte(`[1, true, null, "é"]`)),
	}
	for _, v := range []any{true, int64(-7), 1e21, 0.1, at, uint8(3)} {
		x, err := mapping.ValueOf(v)
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, x)
	}
	fields := []string{"key", "v"}
	m := mapping.Mapping{Key: mapping.Field{From: "key", To: "customer_key"}}
	for _, name := range []string{"lastname", "language", "cellphone", "dateOfCreation", "subscriptions"} {
		m.Fields = append(m.Fields, mapping.Field{From: "v", To: name})
	}
	for i, f := range []mapping.Field{
		{Type: mapping.Integer}, {Type: mapping.Decimal}, {Type: mapping.Boolean}, {Type: mapping.Date}, {Type: mapping.Email},
		{Flatten: "json"}, {Flatten: "list"}, {Transforms: []mapping.Transform{{Name: "title"}}}, {Transforms: []mapping.Transform{{Name: "hash"}}},
		{Transforms: []mapping.Transform{{Name: "substring", Length: 2}}},
	} {
		f.From, f.To, f.Custom = "v", fmt.Sprint("c", i), true
		m.Fields = append(m.Fields, f)
	}
	mapper, err := m.Bind(fields, splio.Destination{Universe: "acme", Subsequence: "crm"}.Options())
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	var row mapping.Row
	for i, v := range values {
		for _, key := range []mapping.Value{mapping.StringValue("k"), v} { // the value as an attribute, and as the key
			mapper.Render(&row, &mapping.Record{Seq: int64(i), Values: []mapping.Value{key, v}})
			fmt.Fprintf(sum, "%d %t %q %q\n", i, row.OK, row.Key, row.Cells)
			for _, r := range row.Rejections {
				fmt.Fprintf(sum, "%s %s %s\n", r.Attribute, r.Reason, r.Action)
			}
		}
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)[:8]); got != renderings[splio.RenderingVersion] {
		t.Errorf("version %d renders otherwise: raise renderingVersion, unless it was never released, and note %q", splio.RenderingVersion, got)
	}
}
