package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, ""); err != nil {
		t.Fatal(err)
	}
	_, got, _ := strings.Cut(out.String(), "\n")
	const want = `row 4: email: no value: rejected

Monday: 4 rows read, 3 inserted, 0 updated, 0 unchanged, 1 rejected
acme_contacts_crm_20260302.csv
email;firstname;language;dateOfCreation;interests;spent;birthday;shop
ann@example.com;Ann;fr;2026-01-05 10:30:00;"chess, tea; green";149.90;1990-05-21;Lyon
eve@example.net;Eve;de;2026-07-01 12:00:00;;0.00;;
acme_contacts_crm_20260302_2.csv
email;firstname;language;interests;spent;birthday;shop
bob@example.org;;en;;;;
row 3: email: no value: rejected

Tuesday: 5 rows read, 1 inserted, 1 updated, 2 unchanged, 1 rejected
acme_contacts_crm_20260303.csv
email;firstname;language;interests;spent;birthday;shop
bob@example.org;;en;;12.50;1984-02-29;
flo@example.com;Flo;en;;;;
`
	if got != want {
		t.Errorf("it prints\n%s", got)
	}
}
