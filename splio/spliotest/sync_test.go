package spliotest_test

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/sftpx/sftpxtest"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/spliotest"
)

// TestSync is a whole sync: the segment of each day is sent, imported and compared
// with what Splio has then, under each reading that the writer must cope with
// as it comes.
func TestSync(t *testing.T) {
	for name, r := range map[string]spliotest.Rules{
		"likeliest": {},
		"lenient": {
			MaxLines: 2, HeaderNotCounted: true, Duplicates: spliotest.FirstRow, Quotes: spliotest.QuotesEither,
			LineEnds: spliotest.OnlyLF, AnyPhone: true, AnyCase: true, BadCellAlone: true,
		},
		"strict": {
			MaxLines: 3, Duplicates: spliotest.NoRow, Headers: spliotest.NameHeader, OncePerName: true,
			Order: slices.Reverse[[]string], CountBytes: true, NeedAddress: true,
		},
	} {
		for _, sub := range []spliotest.Subsequence{{}, {EmptyErases: true}, {NoCreate: true}} {
			t.Run(fmt.Sprintf("%s %+v", name, sub), func(t *testing.T) { testSync(t, r, sub) })
		}
	}
}

func testSync(t *testing.T, r spliotest.Rules, sub spliotest.Subsequence) {
	drop := new(sftpx.Mem)
	universe, err := spliotest.New(spliotest.Options{
		Universe: "acme",
		Drop:     spliotest.Memory(drop),
		Contacts: map[string]spliotest.Subsequence{"crm": sub},
		Custom:   []spliotest.Field{{Name: "points", Type: spliotest.Int}},
		Rules:    r,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := universe.Put(spliotest.Contact{Key: "ann@example.com", Fields: map[string]string{"points": "3"}}); err != nil {
		t.Fatal(err)
	}
	activation := splio.Activation{
		Destination: splio.Destination{
			Universe: "acme", Subsequence: "crm",
			Custom: []mapping.Attribute{{Name: "points", Type: mapping.Integer}},
		},
		Mapping: mapping.Mapping{
			Key:    mapping.Field{From: "email", To: "email"},
			Fields: []mapping.Field{{From: "first", To: "firstname"}, {From: "phone", To: "cellphone", Empty: mapping.Absent}},
			Custom: []string{"points"},
		},
		State:  filepath.Join(t.TempDir(), "state"),
		Insert: !sub.NoCreate,
		Format: splio.Format{MaxLines: 3},
	}
	var tolerated []spliotest.Kind
	if sub.NoCreate {
		tolerated = append(tolerated, spliotest.Ignored)
	}
	for day, now := range []mapping.Source{
		segment("email|first|phone|points", "Ann@Example.com|Ann; called \"Annie\"|-|7", "bob@example.org|Bob|+33639980101|-"),
		segment("email|first|phone|points", "ann@example.com|-|-|8", "bob@example.org| Bob |+33639980102|x", "eve@example.net|Éve|-|0"),
		segment("email|first|phone|points", "ann@example.com|Ann|+33639980103|8", "bob@example.org|Bob|-|9", "eve@example.net|-|-|1"),
	} {
		activation.Now = time.Date(2025, time.March, 14+day, 12, 0, 0, 0, time.UTC)
		if _, err := activation.Run(t.Context(), now, drop); err != nil {
			t.Fatal(err)
		}
		if _, err := universe.Import(); err != nil {
			t.Fatal(err)
		}
		universe.RequireConverged(t, now, activation.Mapping, activation.Destination.Options(), tolerated...)
	}
	for _, r := range universe.Results() {
		if r.FileError != "" || len(r.Skipped)+len(r.Cells) > 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestServer: files that come over SFTP are read from the server's directory.
func TestServer(t *testing.T) {
	server, err := sftpxtest.Start(sftpxtest.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client, err := sftpx.New(sftpx.Config{
		Addr: server.Addr(), User: sftpxtest.DefaultUser, Password: sftpxtest.DefaultPassword, HostKey: server.HostKey(), Dir: "/",
	})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	s, _ := universe(t, func(o *spliotest.Options) { o.Drop = spliotest.Dir(server.Dir()) })
	content := "email\n" + ann + "\n"
	if err := client.Put(t.Context(), crm, crm+".part", io.NewSectionReader(strings.NewReader(content), 0, int64(len(content)))); err != nil {
		t.Fatal(err)
	}
	imports(t, s)
	equal(t, "contacts", contacts(s), []string{ann})
	equal(t, "files", names(t, server.Dir()), nil)
}
