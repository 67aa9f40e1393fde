package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	const want = `customer 3: email: not an e-mail address: rejected
customer 4: phone: not an international phone number: blanked
3 inserted, 1 rejected
acme_contacts_crm_20260302.csv
email;lastname;language;cellphone;newsletter;interests;birthday;spent;tier;consent_at
ann@example.com;Martin;fr;0033639980117;1;"chess, tea; green";1990-05-21;149.90;gold;2026-01-05 10:30:00
bob@example.org;Becker;en;;0;;;0.05;;
eve@example.net;Eve;en;;0;;;0.00;silver;
`
	if out.String() != want {
		t.Errorf("it prints\n%s", out.String())
	}
}
