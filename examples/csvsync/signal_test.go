//go:build unix

package main

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// A signal ends the program in good order, in the middle of an upload too.
func TestSignal(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			b := newBench(t)
			g := newGate(1, func(op, path string) bool { return op == "write" && strings.HasSuffix(path, ".part") })
			b.overSFTP(sftpxtest.Options{Hook: g.hook})
			p := halted(t, b, g, day1)
			if err := p.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			<-p.ended
			outcome{p.ProcessState.ExitCode(), "", p.stderr.String()}.want(t, statusFailed, sig.String(), "nothing was forgotten: the next run goes on",
				"stopped; to go on now, run the same command again:", "csvsync -segment "+quote(b.segment))
			g.open(errors.New("the server has lost the request"))
			b.sync(day2).want(t, statusDone, "the delivery of an earlier run")
			b.wantContacts()
			if got, want := names(t, b.drop), []string{"acme_contacts_crm_20260301.csv"}; !slices.Equal(got, want) {
				t.Errorf("files %q, want %q", got, want)
			}
		})
	}
}
