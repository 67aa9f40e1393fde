package splio_test

import (
	"io/fs"
	"runtime/debug"
	"testing"
	"testing/fstest"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// What was rendered by one build is taken for what another would render only when both
// are named alike. One without a version is named by its file.
func TestBuild(t *testing.T) {
	const module, text = "github.com/spliosync/spliosync", "golang.org/x/text"
	// of builds a program of somebody else's, with these versions, and one more change.
	of := func(own, texts string, change func(*debug.BuildInfo)) *debug.BuildInfo {
		i := &debug.BuildInfo{
			Main: debug.Module{Path: "example.net/program", Version: "(devel)"},
			Deps: []*debug.Module{
				{Path: module, Version: own, Sum: "h1:a"}, {Path: text, Version: texts, Sum: "h1:b"}, {Path: "example.net/other", Version: "v1.0.0"},
			},
		}
		if change != nil {
			change(i)
		}
		return i
	}
	itself := func(version string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Path: module, Version: version}, Deps: []*debug.Module{{Path: text, Version: "v0.30.0"}}}
	}
	replaced := func(by debug.Module) func(*debug.BuildInfo) {
		return func(i *debug.BuildInfo) { i.Deps[0].Replace = &by }
	}
	file := func(size int, at int64) func() (fs.FileInfo, error) {
		return func() (fs.FileInfo, error) {
			return fs.Stat(fstest.MapFS{"program": {Data: make([]byte, size), ModTime: time.Unix(0, at)}}, "program")
		}
	}
	missing := func() (fs.FileInfo, error) { return nil, fs.ErrNotExist }

	released := splio.BuildOf("go1.26", of("v1.2.0", "v0.30.0", nil), missing)
	if released == "" {
		t.Fatal("a release is not known without its file")
	}
	for _, tt := range []struct {
		name, reason string
		version      string
		info         *debug.BuildInfo
		named        bool // by its versions, whatever its file is
		same         bool // as released
	}{
		{"again", "nothing is different", "go1.26", of("v1.2.0", "v0.30.0", nil), true, true},
		{"another program", "it has no part in rendering", "go1.26", of("v1.2.0", "v0.30.0", func(i *debug.BuildInfo) { i.Main.Path = "example.net/new" }), true, true},
		{"another dependency", "nor has that", "go1.26", of("v1.2.0", "v0.30.0", func(i *debug.BuildInfo) { i.Deps[2].Version = "v2.0.0" }), true, true},
		{"another Go", "its tables may be others", "go1.27", of("v1.2.0", "v0.30.0", nil), true, false},
		{"another version", "it may render in another way", "go1.26", of("v1.2.1", "v0.30.0", nil), true, false},
		{"other tables", "so may they", "go1.26", of("v1.2.0", "v0.31.0", nil), true, false},
		{"another sum", "a version that was made again", "go1.26", of("v1.2.0", "v0.30.0", func(i *debug.BuildInfo) { i.Deps[0].Sum = "h1:c" }), true, false},
		{"a fork", "it has a version, of its own", "go1.26", of("v1.2.0", "v0.30.0", replaced(debug.Module{Path: "example.net/fork", Version: "v1.2.0", Sum: "h1:a"})), true, false},
		{"itself", "a program of the module, such as csvsync", "go1.26", itself("v1.2.0"), true, false},
		{"a directory", "anything may be in it", "go1.26", of("v1.2.0", "v0.30.0", replaced(debug.Module{Path: "../fork"})), false, false},
		{"a directory with tables", "the same", "go1.26", of("v1.2.0", "v0.30.0", func(i *debug.BuildInfo) { i.Deps[1].Replace = &debug.Module{Path: "../text"} }), false, false},
		{"at work", "nobody has named it", "go1.26", itself("(devel)"), false, false},
		{"with changes", "which are not in the name", "go1.26", itself("v1.2.1-0.20260101000000-abcdef012345+dirty"), false, false},
		{"no version", "as in a test", "go1.26", itself(""), false, false},
		{"stripped", "it does not say what it was built of", "go1.26", nil, false, false},
		{"without the module", "nor does this", "go1.26", &debug.BuildInfo{Main: debug.Module{Path: "example.net/program", Version: "v1.0.0"}}, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := splio.BuildOf(tt.version, tt.info, missing); (got != "") != tt.named || (got == released) != tt.same {
				t.Errorf("%s: without its file it is %q, and the release %q", tt.reason, got, released)
			}
			one := splio.BuildOf(tt.version, tt.info, file(10, 1))
			if one == "" || one != splio.BuildOf(tt.version, tt.info, file(10, 1)) {
				t.Errorf("%s: the same file is %q", tt.reason, one)
			}
			for what, f := range map[string]func() (fs.FileInfo, error){"size": file(11, 1), "time": file(10, 2)} {
				if other := splio.BuildOf(tt.version, tt.info, f); (other == one) != tt.named {
					t.Errorf("%s: with another %s it is %q, before %q", tt.reason, what, other, one)
				}
			}
		})
	}
}
