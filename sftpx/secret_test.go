package sftpx_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx"
)

type settings struct{ Password sftpx.Secret }

func TestSecretDoesNotShowItself(t *testing.T) {
	const word = "hunter2"
	hex := fmt.Sprintf("%x", word)
	cfg := sftpx.Config{
		Addr: "example.org", User: "acme", Dir: "/", HostKey: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		Password: word, Passphrase: word,
	}
	c, err := sftpx.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	check := func(how, out string) {
		t.Helper()
		if l := strings.ToLower(out); strings.Contains(l, word) || strings.Contains(l, hex) || strings.Contains(l, "104 117 110") || strings.Contains(l, "0x68, 0x75") {
			t.Errorf("%s shows the secret: %s", how, out)
		}
	}
	for _, flags := range []string{"", "+", "#", " ", "-", "0", "40", ".3"} {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb == 'p' || verb == 'w' {
				continue // fmt asks no method for these; go vet reports them
			}
			format := "%" + flags + string(verb)
			check(format, fmt.Sprintf(format, sftpx.Secret(word)))
			check(format+" of a Config", fmt.Sprintf(format, cfg))
			check(format+" of a *Config", fmt.Sprintf(format, &cfg))
			check(format+" of a Client", fmt.Sprintf(format, c))
			check(format+" of slices", fmt.Sprintf(format, []sftpx.Secret{word}))
		}
	}
	check("String", sftpx.Secret(word).String())
	check("GoString", sftpx.Secret(word).GoString())
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("m", "secret", sftpx.Secret(word), "password", cfg.Password)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "secret", sftpx.Secret(word), "all", map[string]any{"p": cfg.Password})
	check("slog", log.String())
	if !strings.Contains(log.String(), "[redacted]") {
		t.Errorf("the log does not say that something is left out: %s", log.String())
	}
	for how, marshal := range map[string]func(any) ([]byte, error){"json": json.Marshal, "xml": xml.Marshal} {
		out, err := marshal(settings{word})
		if err != nil {
			t.Error(err)
		}
		check(how, string(out))
	}
	var in settings
	if err := json.Unmarshal([]byte(`{"Password":"hunter2"}`), &in); err != nil || string(in.Password) != word {
		t.Errorf("a secret read from JSON: %v, %v", string(in.Password) == word, err)
	}
}
