package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
	"github.com/spliosync/spliosync/splio/planview"
)

// A server that refuses to rename: the message leads to the flag that does without.
func TestRenameRefused(t *testing.T) {
	b := newBench(t)
	var refuse atomic.Bool
	refuse.Store(true)
	b.overSFTP(sftpxtest.Options{Hook: func(op, _ string) error {
		if op == "rename" && refuse.Load() {
			return fs.ErrPermission
		}
		return nil
	}})
	name := filepath.Join(filepath.Dir(b.segment), "view.json")
	b.sync(day1, "-insert", "-view", name).want(t, statusFailed, "ask for the right to rename", "there is -direct", "-staging", "nothing was forgotten")
	if v := b.see(name); v.Verdict != planview.Sending {
		t.Errorf("a plan that is on its way is shown as %s", v.Verdict)
	}
	b.sync(day1, "-insert", "-direct").want(t, statusDone, "first, the delivery of an earlier run", "3 rows, 89 bytes, delivered")
	b.wantContacts()

	// Where it can rename, files may be written elsewhere first.
	refuse.Store(false)
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,9\n", "bob@example.com,Bob,2\n", "eve@example.com,Eve,3\n")
	b.sync(day2, "-insert", "-staging", "/~/staging").want(t, statusFailed, `staging directory "`, "does not exist")
	if err := os.Mkdir(filepath.Join(b.drop, "staging"), 0o755); err != nil {
		t.Fatal(err)
	}
	b.sync(day2, "-insert", "-staging", "/~/staging").want(t, statusDone, "acme_contacts_crm_20260302.csv")
	if err := os.Remove(filepath.Join(b.drop, "staging")); err != nil {
		t.Error(err)
	}
	b.wantContacts()
}

func TestDirectAndStagingFlags(t *testing.T) {
	b := newBench(t)
	for _, flag := range []string{"-direct", "-staging=/x"} {
		b.sync(flag).want(t, statusConfig, "-direct and -staging are for SFTP")
	}
	b.overSFTP(sftpxtest.Options{})
	b.sync("-direct", "-staging=/x").want(t, statusConfig, "leave -staging out")
	i := slices.IndexFunc(b.to, func(s string) bool { return strings.HasPrefix(s, "sftp://") })
	b.to[i] = "ftp://u@h/d"
	b.sync("-direct").want(t, statusConfig, "-to is neither a directory nor an sftp:// URL")
}
