package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWrongConfiguration(t *testing.T) {
	const secret = "hunter2"
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("USERPROFILE", dir)
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		writeFile(t, path, content)
		return path
	}
	password := file("password", secret+"\n")
	known := file("known_hosts_given", "")
	sftp := func(url string) []string {
		return []string{"-to", url, "-password-file", password, "-known-hosts", known}
	}

	for _, tt := range []struct {
		name     string
		mapping  string // instead of the usual one
		flags    []string
		messages []string
		not      []string
	}{
		{
			name:     "unknown flag",
			flags:    []string{"-sgement", "x"},
			messages: []string{"-sgement", "-help"},
		}, {
			name:     "an argument, such as the value of a switch",
			flags:    []string{"-insert", "true"},
			messages: []string{`unexpected argument "true"`},
		}, {
			name:     "some flags missing: all named at once, those that are there not",
			flags:    []string{"-segment=", "-state=", "-to="},
			messages: []string{"missing: -segment, -state, -to\n"},
		}, {
			name:     "unusable values: all named at once",
			flags:    []string{"-now", "yesterday", "-comma", "ab", "-to", "ftp://u@h/d", "-report", "/no/such/dir/r.json"},
			messages: []string{`-now "yesterday"`, `-comma "ab"`, "-to is neither", "-report: /no/such/dir is not a directory"},
		}, {
			name:     "a separator that can not be one",
			flags:    []string{"-comma", `"`},
			messages: []string{`-comma "\"" is not one character`},
		}, {
			name:     "a separator that is not UTF-8",
			flags:    []string{"-comma", "\xff"},
			messages: []string{`-comma "\xff" is not one character`},
		}, {
			name:     "an encoding that nobody knows",
			flags:    []string{"-encoding", "latin1"},
			messages: []string{`-encoding: encoding is "latin1"`, "windows-1252"},
		}, {
			name:     "how CSV is written, of a segment that is not CSV",
			flags:    []string{"-segment", "x.JSONL.gz", "-comma", ";"},
			messages: []string{"-comma, -encoding and -lazy-quotes are for CSV"},
		}, {
			name:     "columns that can not be: all named at once",
			flags:    []string{"-columns", "a:int,b:,c,,c:date,d:text"},
			messages: []string{`-columns "a:int": unknown type "int": one of "text", "integer"`, `-columns "b:": the type is missing`, `-columns "": the name is empty`, `-columns "c:date": there is a column "c" already`},
			not:      []string{`"d:text"`},
		}, {
			name:     "rejects where they can not be",
			flags:    []string{"-rejects", "/no/such/dir/r.csv"},
			messages: []string{"-rejects: /no/such/dir is not a directory"},
		}, {
			name:     "names that can not be",
			flags:    []string{"-universe", "a b", "-subsequence", "c_d"},
			messages: []string{`-universe "a b"`, `-subsequence "c_d"`},
		}, {
			name:     "mapping missing",
			flags:    []string{"-mapping", "nowhere.json"},
			messages: []string{"-mapping: open nowhere.json"},
		}, {
			name:     "mapping broken",
			mapping:  "{\"key\": {\"from\": \"email\"},\n  \"fields\": [}",
			messages: []string{"mapping.json: mapping: line 2, column 14: "},
		}, {
			name:     "mapping with a member in another spelling",
			mapping:  `{"key":{"from":"email","to":"email"},"Fields":[]}`,
			messages: []string{`mapping.json: mapping: line 1, column 38: unknown member "Fields"`},
		}, {
			name:     "mapping with fields that the segment lacks",
			mapping:  `{"key":{"from":"mail","to":"email"},"fields":[{"from":"surname","to":"lastname"},{"from":"first_name","to":"firstname"}]}`,
			messages: []string{`"mail", "surname"`},
			not:      []string{`"first_name"`},
		}, {
			name:     "another separator than the one given",
			flags:    []string{"-comma", ";"},
			messages: []string{`"email", "first_name", "points"`, "is the separator right?"},
		}, {
			name:     "two fields for one attribute",
			mapping:  `{"key":{"from":"email","to":"email"},"fields":[{"from":"first_name","to":"firstname"},{"from":"points","to":"firstname"}]}`,
			messages: []string{`fields[1] (to "firstname"): fields[0] is mapped to the same attribute`},
		}, {
			name:     "an attribute that Splio does not have, and a word that it reserves",
			mapping:  `{"key":{"from":"email","to":"email"},"fields":[{"from":"first_name","to":"firstName"},{"from":"points","to":"lastopendate","custom":true}]}`,
			messages: []string{`"firstName"`, `"lastopendate"`, "reserves"},
		}, {
			name:     "a password in the URL",
			flags:    sftp("sftp://user:" + secret + "@example.com/drop"),
			messages: []string{"-password-file"},
			not:      []string{secret},
		}, {
			name:     "a password in a URL that can not be read",
			flags:    sftp("sftp://user:" + secret + "/x@exa mple.com/drop"),
			messages: []string{"sftp://user@host:port/dir"},
			not:      []string{secret},
		}, {
			name:     "a URL with nothing in it",
			flags:    sftp("sftp://?x"),
			messages: []string{"the user is missing", "the host is missing", "the drop directory is missing", "%3F"},
		}, {
			name:     "a port that is none",
			flags:    sftp("sftp://user@example.com:70000/drop"),
			messages: []string{"port between 1 and 65535"},
		}, {
			name:     "no way to log in and no host key, and how to get one",
			flags:    []string{"-to", "sftp://user@example.com:2222/drop"},
			messages: []string{"-password-file or -identity is needed", "ssh-keyscan -p 2222 example.com", "ssh-keygen -lf", "fingerprint"},
		}, {
			name:     "login files that are not there or empty",
			flags:    []string{"-to", "sftp://user@example.com/drop", "-password-file", file("empty", "\n"), "-identity", "nowhere", "-known-hosts", known},
			messages: []string{"-password-file: " + filepath.Join(dir, "empty") + " is empty", "-identity: open nowhere"},
		}, {
			name:     "an identity that is no private key",
			flags:    []string{"-to", "sftp://user@example.com/drop", "-identity", password, "-known-hosts", known},
			messages: []string{"not a private key"},
			not:      []string{secret},
		}, {
			name:     "known hosts that are not there",
			flags:    []string{"-to", "sftp://user@example.com/drop", "-password-file", password, "-known-hosts", "nowhere"},
			messages: []string{"-known-hosts: open nowhere"},
		}, {
			name:     "a login for a directory",
			flags:    []string{"-password-file", password},
			messages: []string{"-to names a directory"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			if tt.mapping != "" {
				b.setMapping(tt.mapping)
			}
			for _, flags := range [][]string{tt.flags, append([]string{"-dry-run"}, tt.flags...)} {
				o := b.sync(flags...)
				o.want(t, statusConfig, append(tt.messages, "nothing was done")...)
				for _, no := range tt.not {
					if strings.Contains(o.stderr, no) {
						t.Errorf("standard error has %q: %s", no, o.stderr)
					}
				}
				if o.stdout != "" {
					t.Errorf("standard output %q", o.stdout)
				}
			}
			if tree(t, b.state) != nil || len(names(t, b.drop)) > 0 {
				t.Error("a wrong call left something behind")
			}
			if _, err := os.Stat(b.report); err == nil {
				t.Error("a wrong call wrote a report")
			}
		})
	}
}

func TestAllFlagsMissing(t *testing.T) {
	o := syncCtx(t.Context(), nil)
	o.want(t, statusConfig, "missing: -mapping, -segment, -state, -subsequence, -to, -universe\n")
}

func TestHelp(t *testing.T) {
	o := syncCtx(t.Context(), []string{"-help"})
	o.want(t, statusDone, "csvsync -segment", "-known-hosts", "Exit status:", "/~/dir", "-rejects rejects.csv", "-partial", "-columns list", "-encoding name", "-lazy-quotes")
}

// TestURL is about the form of -to alone.
func TestURL(t *testing.T) {
	for _, tt := range []struct{ url, addr, user, dir string }{
		{"sftp://acme@sftp.example.com/imports", "sftp.example.com:22", "acme", "/imports"},
		{"sftp://acme@sftp.example.com:2022/a/b/", "sftp.example.com:2022", "acme", "/a/b/"},
		{"SFTP://acme@h/", "h:22", "acme", "/"},
		{"sftp://acme@h/~/imports/crm", "h:22", "acme", "imports/crm"},
		{"sftp://acme@h/~", "h:22", "acme", "."},
		{"sftp://acme@h/~/", "h:22", "acme", "."},
		{"sftp://acme@h/~acme", "h:22", "acme", "/~acme"},
		{"sftp://ac%40me@[::1]:22/a%20b%3F", "[::1]:22", "ac@me", "/a b?"},
	} {
		cfg, err := parseURL(tt.url)
		if err != nil || cfg.Addr != tt.addr || cfg.User != tt.user || cfg.Dir != tt.dir {
			t.Errorf("%s: addr %q, user %q, dir %q, %v; want %q, %q, %q", tt.url, cfg.Addr, cfg.User, cfg.Dir, err, tt.addr, tt.user, tt.dir)
		}
	}
}
