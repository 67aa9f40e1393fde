package source

import (
	"context"
	"iter"
	"slices"

	"github.com/spliosync/spliosync/mapping"
)

// Seq is a segment of lists of values, in the order of fields: the way in for whatever has typed values of its own. A list
// with another number of values is rejected alone with [ErrFieldCount]. Lists are not copied: seq may use one and its bytes
// again for the next record. An error of seq, its last, stops the reading. It can be read as often as seq can.
func Seq(fields []string, seq iter.Seq2[[]mapping.Value, error]) mapping.Source {
	return &lists{fields: slices.Clone(fields), seq: seq}
}

type lists struct {
	fields []string
	seq    iter.Seq2[[]mapping.Value, error]
}

func (s *lists) Fields(context.Context) ([]string, error) { return slices.Clone(s.fields), nil }

func (s *lists) Records(ctx context.Context) iter.Seq2[*mapping.Record, error] {
	return func(yield func(*mapping.Record, error) bool) {
		rec := &mapping.Record{}
		each(ctx, s.seq, yield, rec, func(values []mapping.Value) {
			rec.Values, rec.Err = values, nil
			if len(values) != len(s.fields) {
				rec.Err = ErrFieldCount
			}
		})
	}
}
