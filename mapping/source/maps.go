package source

import (
	"context"
	"fmt"
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
		if err := stopped(ctx, 0); err != nil {
			yield(nil, err)
			return
		}
		rec := &mapping.Record{Values: make([]mapping.Value, len(s.fields))}
		for m, err := range s.seq {
			if err == nil {
				err = stopped(ctx, rec.Seq)
			} else {
				err = fmt.Errorf("source: after %d records: %w", rec.Seq, err)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			rec.Seq++
			rec.Err = nil
			for i, name := range s.fields {
				if rec.Values[i], err = mapping.ValueOf(m[name]); err != nil {
					rec.Err = ErrType
				}
			}
			if !yield(rec, nil) {
				return
			}
		}
	}
}
