package sftpxtest_test

import (
	"errors"
	"fmt"
	"log"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// A server that has no space left.
func ExampleStart() {
	server, err := sftpxtest.Start(sftpxtest.Options{
		Hook: func(op, path string) error {
			if op == "write" {
				return errors.New("no space left")
			}
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()

	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(server.HostKey()))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Type())
	host, _, _ := strings.Cut(server.Addr(), ":")
	fmt.Println(host)
	// Output:
	// ssh-ed25519
	// 127.0.0.1
}
