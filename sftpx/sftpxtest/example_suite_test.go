package sftpxtest_test

import (
	"testing"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// In a test of your own, with your own transport in the place of sftpx.Dir.
func ExampleTestTransport() {
	test := func(t *testing.T) {
		sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
			dir := t.TempDir()
			return sftpxtest.DirFixture(sftpx.Dir(dir), dir)
		})
	}
	_ = test // go test calls it
}
