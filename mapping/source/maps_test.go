package source_test

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping/source"
)

func mapsOf(last error, maps ...map[string]any) iter.Seq2[map[string]any, error] {
	return func(yield func(map[string]any, error) bool) {
		for _, m := range maps {
			if !yield(m, nil) {
				return
			}
		}
		if last != nil {
			yield(nil, last)
		}
	}
}

func TestMaps(t *testing.T) {
	fields := []string{"a", "b"}
	s := source.Maps(fields, mapsOf(nil,
		map[string]any{"a": "x", "b": 1, "c": "ignored"},
		map[string]any{"b": 1.5},
		map[string]any{"a": []int{1}, "b": 2},
		nil,
		map[string]any{"a": "y", "b": true},
	))
	fields[0] = "changed"
	for range 2 {
		got, records, err := read(t, s)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"a", "b"}, got); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		want := []string{"0: x|1", "0: -|1.5", "0! a value of a type that cannot be mapped", "0: -|-", "0: y|1"}
		if diff := cmp.Diff(want, records); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	}
}

func TestMapsCancelledBefore(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	for _, err := range source.Maps(nil, mapsOf(nil)).Records(ctx) {
		if err == nil || !strings.Contains(err.Error(), "enough") {
			t.Errorf("error %v", err)
		}
	}
}
