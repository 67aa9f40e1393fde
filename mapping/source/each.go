package source

import "iter"

// Each turns a sequence that can not fail into one with errors, as [Structs], [Maps] and [Seq] take it. It is for
// segments that are in memory.
//
//	source.Structs(source.Each(slices.Values(customers)))
func Each[T any](seq iter.Seq[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for v := range seq {
			if !yield(v, nil) {
				return
			}
		}
	}
}
