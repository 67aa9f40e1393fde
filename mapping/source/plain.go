package source

import (
	"strings"

	"github.com/spliosync/spliosync/mapping"
)

// plainText writes values as text. It goes by what a rejection tells of the value that it is about, rejecting them all.
type plainText struct {
	mapper *mapping.Mapper
	rec    mapping.Record
	row    mapping.Row
}

func newPlainText() (*plainText, error) {
	m, err := mapping.Mapping{
		Key:    mapping.Field{From: "key", To: "key"},
		Fields: []mapping.Field{{From: "value", To: "value", Custom: true, Type: mapping.DateTime, Layouts: []string{"2006-01-02\x01"}}},
		Zone:   "UTC",
	}.Bind([]string{"key", "value"}, mapping.Options{})
	if err != nil {
		return nil, err
	}
	return &plainText{mapper: m, rec: mapping.Record{Values: []mapping.Value{mapping.StringValue("-"), {}}}}, nil
}

func (p *plainText) append(dst []byte, v mapping.Value) []byte {
	p.rec.Values[1] = v
	p.mapper.Render(&p.row, &p.rec)
	if len(p.row.Rejections) > 0 {
		return append(dst, p.row.Rejections[0].Value()...)
	}
	cell := string(p.row.Cells[1])
	switch date, clock, _ := strings.Cut(cell, " "); v.String() {
	case "Value(date)":
		cell = date
	case "Value(datetime)":
		cell = date + "T" + clock + "Z"
	}
	return append(dst, cell...)
}
