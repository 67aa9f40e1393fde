package source

import (
	"context"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// Maps is a segment of maps from field to value, of the types that [mapping.ValueOf] takes. A field that a map lacks is
// null; members that are not among fields are ignored. A record with a value of another type is rejected alone with
// [ErrType]. An error of seq, its last, stops the reading. It can be read as often as seq can.
func Maps(fields []string, seq iter.Seq2[map[string]any, error]) mapping.Source {
	return &maps{fields: slices.Clone(fields), seq: seq}
}

type maps struct {
	fields []string
	seq    iter.Seq2[map[string]any, error]
}

func (s *maps) Fields(context.Context) ([]string, error) { return slices.Clone(s.fields), nil }

func (s *maps) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := &mapping.Record{Values: make([]mapping.Value, len(s.fields))}
		each(ctx, s.seq, yield, rec, func(m map[string]any) {
			rec.Err = nil
			for i, name := range s.fields {
				var err error
				if rec.Values[i], err = mapping.ValueOf(m[name]); err != nil {
					rec.Err = ErrType
				}
			}
		})
	}
}
