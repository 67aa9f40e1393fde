package sftpx_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// Deliver a file to an SFTP server; the one here is in the same process.
func Example() {
	server, err := sftpxtest.Start(sftpxtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	client, err := sftpx.New(sftpx.Config{
		Addr:     server.Addr(),
		User:     sftpxtest.DefaultUser,
		Password: sftpxtest.DefaultPassword,
		HostKey:  server.HostKey(),
		Dir:      "/",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	content := "email\nada@example.org\n"
	body := io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))
	ctx := context.Background()
	if err := client.Put(ctx, "contacts.csv", "contacts.csv.part", body); err != nil {
		log.Fatal(err)
	}
	size, err := client.Size(ctx, "contacts.csv")
	fmt.Println(size, err)
	// Output: 22 <nil>
}

// New reports all problems of a configuration at once.
func ExampleNew() {
	_, err := sftpx.New(sftpx.Config{Addr: "sftp.example.org", Password: "secret"})
	fmt.Println(err)
	// Output:
	// sftpx: Config: User: missing
	// Dir: missing: name the drop directory on the server ("." is the one that a login starts in)
	// the server's host key can not be checked: give KnownHosts or HostKey
}

// A key that is not the expected one: nothing is sent, and the error shows both fingerprints.
func ExampleHostKeyError() {
	server, err := sftpxtest.Start(sftpxtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := sftpx.New(sftpx.Config{
		Addr: server.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, Dir: "/",
		HostKey: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	_, err = client.Check(context.Background())
	if refused, ok := errors.AsType[*sftpx.HostKeyError](err); ok {
		fmt.Println("known:", refused.Known)
		fmt.Println("keys presented:", len(refused.Presented))
	}
	// Output:
	// known: [SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU]
	// keys presented: 1
}

// What a server can do, before anything is sent.
func ExampleClient_Check() {
	server, err := sftpxtest.Start(sftpxtest.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client, err := sftpx.New(sftpx.Config{
		Addr: server.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: server.HostKey(), Dir: "/",
		Notify: func(n sftpx.Notice) { log.Print(n) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	can, err := client.Check(context.Background())
	fmt.Println("sizes can be verified:", can.Look, err)
	// Output: sizes can be verified: true <nil>
}

// A password in a file that a vault has made.
func ExampleSecretFile() {
	dir, err := os.MkdirTemp("", "secrets")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "password")
	if err := os.WriteFile(name, []byte("hunter2\n"), 0o600); err != nil {
		log.Fatal(err)
	}

	password, err := sftpx.SecretFile(name)
	fmt.Println(password, len(string(password)), err)
	// Output: [redacted] 7 <nil>
}

func ExampleSecret() {
	password := sftpx.Secret("hunter2")
	fmt.Printf("%v %q %+v\n", password, password, sftpx.Config{User: "acme", Password: password}.Password)
	fmt.Println(len(string(password)))
	// Output:
	// [redacted] [redacted] [redacted]
	// 7
}

// A directory that another program watches.
func ExampleDir() {
	path, err := os.MkdirTemp("", "drop")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(path)

	drop := sftpx.Dir(path)
	content := "email\nada@example.org\n"
	body := io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))
	fmt.Println(drop.Put(context.Background(), "contacts.csv", "contacts.csv.part", body))
	err = drop.Put(context.Background(), "contacts.csv", "contacts.csv.part", body)
	fmt.Println(errors.Is(err, fs.ErrExist))
	got, err := os.ReadFile(filepath.Join(path, "contacts.csv"))
	fmt.Println(len(got), err)
	// Output:
	// <nil>
	// true
	// 22 <nil>
}

// A drop directory for a test.
func ExampleMem() {
	var drop sftpx.Mem
	content := "email\nada@example.org\n"
	body := io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))
	fmt.Println(drop.Put(context.Background(), "contacts.csv", "contacts.csv.part", body))
	fmt.Println(drop.Names())
	got, err := drop.ReadFile("contacts.csv")
	fmt.Printf("%q %v\n", got, err)
	// Output:
	// <nil>
	// [contacts.csv]
	// "email\nada@example.org\n" <nil>
}

// A server that knows none of the algorithms in use today.
func ExampleAlgorithms() {
	client, err := sftpx.New(sftpx.Config{
		Addr: "old.example.org", User: "acme", Password: "secret", Dir: "/imports",
		HostKey: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
		Algorithms: sftpx.Algorithms{
			KeyExchanges: []string{"diffie-hellman-group14-sha1"},
			Ciphers:      []string{"aes128-cbc"},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("nothing was dialled:", client.Close())
	// Output: nothing was dialled: <nil>
}
