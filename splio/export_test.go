package splio

import "github.com/spliosync/spliosync/internal/vfs"

// SetFS makes an activation keep its state in a file system of the test's.
func SetFS(a *Activation, open func(dir string) (vfs.FS, error)) { a.openFS = open }

// SetPlanFS does so for the activation of a plan.
func SetPlanFS(p *Plan, open func(dir string) (vfs.FS, error)) { p.activation.openFS = open }
