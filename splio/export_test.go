package splio

import (
	"io/fs"
	"runtime/debug"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/internal/vfs"
)

// SetFS makes an activation keep its state in a file system of the test's.
func SetFS(a *Activation, open func(dir string) (vfs.FS, error)) { a.openFS = open }

// SetPlanFS does so for the activation of a plan.
func SetPlanFS(p *Plan, open func(dir string) (vfs.FS, error)) { p.activation.openFS = open }

// Need is what a row asks of its file.
type Need = need

func NewNeed(has, may diff.Columns) Need                              { return need{has, may} }
func NeedSets(n Need) (has, may diff.Columns)                         { return n.has, n.may }
func Merge(c map[Need]int64, most int) (map[Need]diff.Columns, int64) { return merge(c, most) }

// Usually is what the brakes that look back compare with; runs is 0 when they do not.
func Usually(all []RunRecord) (runs int, read, changed int64) {
	u := usually(all)
	return u.runs, u.read, u.changed
}

// BuildOf names a build, see buildOf.
func BuildOf(version string, info *debug.BuildInfo, program func() (fs.FileInfo, error)) string {
	return buildOf(version, info, program)
}
