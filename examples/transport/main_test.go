package main

import (
	"strings"
	"testing"

	"github.com/spliosync/spliosync/sftpx/sftpxtest"
)

// TestContract is all that a transport of your own needs to be trusted.
func TestContract(t *testing.T) {
	sftpxtest.TestTransport(t, func(t *testing.T) sftpxtest.Fixture {
		const prefix = "splio/imports/"
		store := &memoryStore{}
		return sftpxtest.Fixture{
			Transport: Bucket{Store: store, Prefix: prefix},
			Names: func() (names []string, err error) {
				for _, key := range store.keys() {
					names = append(names, strings.TrimPrefix(key, prefix))
				}
				return names, nil
			},
			Read:  func(name string) ([]byte, error) { return store.get(prefix + name) },
			Plant: func(name string, content []byte) error { store.put(prefix+name, content); return nil },
			// Missing is not given: a prefix need not be made.
		}
	})
}

func TestStory(t *testing.T) {
	var out strings.Builder
	if err := story(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"2 inserted, 0 updated, 0 unchanged",
		"failed, and the next run goes on from there",
		"ended first: acme_contacts_crm_20260303.csv, delivered true",
		"0 inserted, 0 updated, 2 unchanged",
		"splio/imports/acme_contacts_crm_20260302.csv, 51 bytes",
		"splio/imports/acme_contacts_crm_20260303.csv, 33 bytes",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if n := strings.Count(out.String(), "splio/imports/"); n != 2 {
		t.Errorf("%d objects are in the store: something was sent twice\n%s", n, out.String())
	}
}
