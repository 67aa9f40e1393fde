package main

import (
	"os"
	"strings"
	"testing"
)

// TestRun makes sure that little moves when little has changed.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	var out strings.Builder
	if err := run(t.Context(), &out, "", dir, 2000); err != nil {
		t.Fatal(err)
	}
	t.Log(out.String())
	for _, want := range []string{
		"acme_contacts_crm_20250314.csv: 1999 rows",
		"acme_contacts_crm_20250315.csv: 59 rows",
		"nothing to send",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%v, %v", files, err)
	}
}
