package source

import "iter"

// Each is a sequence that can not fail as one that could: what [Structs], [Maps] and [Seq] take, for segments that are in
// memory already.
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
