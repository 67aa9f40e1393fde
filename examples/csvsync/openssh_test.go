//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
)

// Delivery to the server that most others are measured by.
func TestOpenSSH(t *testing.T) {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd, err = exec.LookPath("/usr/sbin/sshd")
	}
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("sshd is not installed, and nothing is to be skipped here")
		}
		t.Skip("sshd is not installed")
	}
	b := newBench(t)
	dir := filepath.Dir(b.state)
	identity, publicKey := keyPair(t, filepath.Join(dir, "login"))
	hostKey, hostPublicKey := keyPair(t, filepath.Join(dir, "host"))
	writeFile(t, filepath.Join(dir, "authorized_keys"), publicKey)
	addr := startSSHD(t, sshd, dir, hostKey)

	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(dir, "known_hosts")
	writeFile(t, known, fmt.Sprintf("[%s]:%s %s", host, port, hostPublicKey))
	b.to = []string{"-to", "sftp://" + me.Username + "@" + addr + b.drop, "-identity", identity, "-known-hosts", known}

	b.sync(day1, "-insert").want(t, statusDone, "acme_contacts_crm_20260301.csv: 3 rows, 89 bytes, delivered")
	if got, want := b.read("acme_contacts_crm_20260301.csv"), "email;firstname;points\nada@example.com;Ada;1\nbob@example.com;Bob;2\neve@example.com;Eve;3\n"; got != want {
		t.Errorf("day 1: %q, want %q", got, want)
	}

	// The wrong host key: nothing is sent, and the next day makes up for it.
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,1\n", "bob@example.com,Robert,2\n", "zoe@example.com,Zoë,4\n")
	right := b.to
	wrong := filepath.Join(dir, "known_hosts_wrong")
	writeFile(t, wrong, fmt.Sprintf("[%s]:%s %s", host, port, publicKey))
	b.to = []string{"-to", right[1], "-identity", identity, "-known-hosts", wrong}
	b.sync(day2, "-insert").want(t, statusFailed, "presented ssh-ed25519 "+fingerprint(t, hostKey), "known ssh-ed25519 "+fingerprint(t, identity), "NOT DELIVERED")
	b.to = []string{"-to", right[1], "-identity", hostKey, "-known-hosts", known} // a key that opens nothing
	b.sync(day2, "-insert").want(t, statusFailed, "login refused", "NOT DELIVERED")
	if got := names(t, b.drop); len(got) != 1 {
		t.Errorf("files %q after runs that failed", got)
	}

	// The same directory, seen from the one that a login starts in.
	b.to = []string{"-to", "sftp://" + me.Username + "@" + addr + "/~/drop", "-identity", identity, "-known-hosts", known}
	b.sync(day2, "-insert").want(t, statusDone, "acme_contacts_crm_20260302.csv: 2 rows")
	if got, want := b.read("acme_contacts_crm_20260302.csv"), "email;firstname;points\nbob@example.com;Robert;2\nzoe@example.com;Zoë;4\n"; got != want {
		t.Errorf("day 2: %q, want %q", got, want)
	}
	replay(t, b.drop) // there is nothing but whole files

	// A name that somebody else has taken is never overwritten.
	writeFile(t, filepath.Join(b.drop, "acme_contacts_crm_20260303.csv"), "theirs")
	b.setSegment("email,first_name,points\n", "ada@example.com,Ada,5\n", "bob@example.com,Robert,2\n", "zoe@example.com,Zoë,4\n")
	b.sync(day3, "-insert").want(t, statusDone, "acme_contacts_crm_20260303_2.csv: 1 rows")
	if b.read("acme_contacts_crm_20260303.csv") != "theirs" || b.read("acme_contacts_crm_20260303_2.csv") != "email;firstname;points\nada@example.com;Ada;5\n" {
		t.Error("a file of somebody else was overwritten")
	}
}

// keyPair makes one, and returns the file with the private key and the line of the public one.
func keyPair(t *testing.T, name string) (private, public string) {
	t.Helper()
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", name).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	line, err := os.ReadFile(name + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	return name, string(line)
}

// fingerprint is what ssh-keygen says of a key.
func fingerprint(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("ssh-keygen", "-lf", name+".pub").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))[1]
}

// startSSHD starts a server for the current user, whose logins start in dir, and returns its address.
func startSSHD(t *testing.T, sshd, dir, hostKey string) string {
	t.Helper()
	if os.Geteuid() == 0 { // as root it insists on this directory, which a service manager makes otherwise
		if err := os.Mkdir("/run/sshd", 0o755); err == nil {
			t.Cleanup(func() { os.Remove("/run/sshd") })
		} else if !os.IsExist(err) {
			t.Fatal(err)
		}
	}
	var log string
	for range 5 { // the free port may be taken by somebody else before the server has it
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().String()
		_, port, err := net.SplitHostPort(addr)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(dir, "sshd_config")
		writeFile(t, config, strings.Join([]string{
			"ListenAddress 127.0.0.1",
			"Port " + port,
			"HostKey " + hostKey,
			"PidFile none",
			"UsePAM no",
			"StrictModes no",
			"PermitRootLogin yes",
			"AuthorizedKeysFile " + filepath.Join(dir, "authorized_keys"),
			"PubkeyAuthentication yes",
			"PasswordAuthentication no",
			"KbdInteractiveAuthentication no",
			"Subsystem sftp internal-sftp -d " + dir,
			"",
		}, "\n"))
		var ok bool
		if ok, log = listens(t, exec.Command(sshd, "-D", "-e", "-f", config)); ok {
			return addr
		}
	}
	t.Fatalf("sshd does not start: %s", log)
	return ""
}

// listens starts the server and waits until it says that it listens, or ends.
func listens(t *testing.T, cmd *exec.Cmd) (ok bool, log string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		log += lines.Text() + "\n"
		if strings.Contains(lines.Text(), "Server listening on") {
			drained := make(chan struct{})
			go func() {
				for lines.Scan() {
				}
				close(drained)
			}()
			t.Cleanup(func() {
				cmd.Process.Kill()
				<-drained
				cmd.Wait()
			})
			return true, ""
		}
	}
	cmd.Wait()
	return false, log
}
