package main

import (
	"slices"
	"testing"
)

// What a mapping in JSON can say shows in the files.
func TestMapping(t *testing.T) {
	const key = `"key":{"from":"email","to":"email"}`
	for _, tt := range []struct {
		name, mapping, segment string
		files                  []string // content, in the order of names
		read, rejected         int64
	}{
		{
			name:    "dates are in the zone of Paris by default, and one without a zone is in it already",
			mapping: `{` + key + `,"fields":[{"from":"at","to":"dateOfCreation"}]}`,
			segment: "email;at\na@example.com;2026-07-01T22:30:00Z\nb@example.com;2026-07-01 22:30\nc@example.com;20260701\n",
			files:   []string{"email;dateOfCreation\na@example.com;2026-07-02 00:30:00\nb@example.com;2026-07-01 22:30:00\nc@example.com;2026-07-01 00:00:00\n"},
			read:    3,
		}, {
			name:    "another zone, for dates alone too",
			mapping: `{` + key + `,"fields":[{"from":"at","to":"dateOfCreation"},{"from":"at","to":"day","custom":true,"type":"date"}],"zone":"America/New_York"}`,
			segment: "email;at\na@example.com;2026-07-01T02:30:00Z\n",
			files:   []string{"email;dateOfCreation;day\na@example.com;2026-06-30 22:30:00;2026-06-30\n"},
			read:    1,
		}, {
			name:    "layouts, tried in order, in place of the usual forms",
			mapping: `{` + key + `,"fields":[{"from":"at","to":"dateOfCreation","layouts":["02/01/2006","2 Jan 2006 15:04"]}]}`,
			segment: "email;at\na@example.com;03/02/2026\nb@example.com;3 Feb 2026 07:08\nc@example.com;2026-02-03\n",
			files:   []string{"email;dateOfCreation\na@example.com;2026-02-03 00:00:00\nb@example.com;2026-02-03 07:08:00\nc@example.com;\n"},
			read:    3,
		}, {
			name:    "nothing and wrong values are blank by default",
			mapping: `{` + key + `,"fields":[{"from":"n","to":"n","custom":true,"type":"integer"}]}`,
			segment: "email;n\na@example.com;\nb@example.com;many\nc@example.com;+007\n",
			files:   []string{"email;n\na@example.com;\nb@example.com;\nc@example.com;7\n"},
			read:    3,
		}, {
			name:    "absent: the rows without a cell are in a file without the column",
			mapping: `{` + key + `,"fields":[{"from":"n","to":"n","custom":true,"type":"integer","empty":"absent","invalid":"absent"}]}`,
			segment: "email;n\na@example.com;1\nb@example.com;\nc@example.com;many\nd@example.com;2\n",
			files:   []string{"email;n\na@example.com;1\nd@example.com;2\n", "email\nb@example.com\nc@example.com\n"},
			read:    4,
		}, {
			name:     "reject: the whole record",
			mapping:  `{` + key + `,"fields":[{"from":"n","to":"n","custom":true,"type":"integer","empty":"blank","invalid":"reject"},{"from":"m","to":"m","custom":true,"empty":"reject"}]}`,
			segment:  "email;n;m\na@example.com;;x\nb@example.com;many;x\nc@example.com;1;\nd@example.com;2;x\n",
			files:    []string{"email;n;m\na@example.com;;x\nd@example.com;2;x\n"},
			read:     4,
			rejected: 2,
		}, {
			name:    "transforms, in order, before anything else",
			mapping: `{` + key + `,"fields":[{"from":"tier","to":"tier","custom":true,"transforms":[{"name":"trim"},{"name":"upper"}]},{"from":"tier","to":"tag","custom":true,"transforms":[{"name":"lower"}]}]}`,
			segment: "email;tier\na@example.com; Élite \n",
			files:   []string{"email;tier;tag\na@example.com;ÉLITE;\" élite \"\n"},
			read:    1,
		}, {
			name: "types of custom attributes",
			mapping: `{` + key + `,"fields":[{"from":"d","to":"d","custom":true,"type":"decimal"},{"from":"d","to":"d3","custom":true,"type":"decimal","places":3},
				{"from":"b","to":"b","custom":true,"type":"boolean"}],"custom":["t"]}`,
			segment: "email;d;b;t\na@example.com;2.005;yes;001\n",
			files:   []string{"email;d;d3;b;t\na@example.com;2.01;2.005;1;001\n"},
			read:    1,
		}, {
			name: "attributes that every universe has",
			mapping: `{` + key + `,"fields":[{"from":"l","to":"language"},{"from":"p","to":"cellphone"},{"from":"s","to":"subscriptions"},
				{"from":"f","to":"firstname"},{"from":"n","to":"lastname"}]}`,
			segment: "email;l;p;s;f;n\nA@Example.com;cs-CZ;+33 (0)6 12.34.56.78;+4,-1;Ann;\"O\"\"K; yes\"\nb@example.com;FR;0612345678;4;Bob;B\n",
			files: []string{"email;language;cellphone;subscriptions;firstname;lastname\n" +
				"a@example.com;cz;0033612345678;-1,+4;Ann;\"O\"\"K; yes\"\nb@example.com;fr;;;Bob;B\n"},
			read: 2,
		}, {
			name:     "another key than the e-mail, which is an attribute like any other then",
			mapping:  `{"key":{"from":"id","to":"customer_key"},"fields":[{"from":"email","to":"email"}]}`,
			segment:  "id;email\n 42 ;A@example.com\n;b@example.com\n43;nobody\n",
			files:    []string{"customer_key;email\n42;a@example.com\n43;\n"},
			read:     3,
			rejected: 1,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t)
			b.setMapping(tt.mapping)
			b.setSegment(tt.segment)
			b.sync(day1, "-insert").want(t, statusDone)
			if r := b.counts(); r.Read != tt.read || r.Rejected != tt.rejected {
				t.Errorf("read %d, rejected %d, want %d and %d", r.Read, r.Rejected, tt.read, tt.rejected)
			}
			var got []string
			for _, f := range b.counts().Files {
				got = append(got, b.read(f.Name))
			}
			if !slices.Equal(got, tt.files) {
				t.Errorf("sent %q, want %q", got, tt.files)
			}
		})
	}
}
