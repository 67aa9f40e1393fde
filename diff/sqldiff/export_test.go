package sqldiff

import "github.com/spliosync/spliosync/diff"

// Digests are what an engine has to answer for a key.
func Digests(key diff.Key, of string) (digest, check string) {
	d, err := newDigester(key)
	if err != nil {
		panic(err)
	}
	return d.keyOf([]byte(of)), d.check
}
