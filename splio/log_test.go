package splio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
)

// logbook is what was logged, without times and durations, and with plans
// called P1, P2 and so on as they come.
type logbook struct {
	bytes.Buffer
	plans []string
}

func (b *logbook) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch {
		case a.Key == slog.TimeKey, a.Value.Kind() == slog.KindDuration:
			return slog.Attr{}
		case a.Key == "plan":
			n := slices.Index(b.plans, a.Value.String())
			if n < 0 {
				n, b.plans = len(b.plans), append(b.plans, a.Value.String())
			}
			return slog.String("plan", fmt.Sprint("P", n+1))
		}
		return a
	}}))
}

// want checks what was logged since the last call, shortened by what is in every line.
func (b *logbook) want(t *testing.T, what string, lines ...string) {
	t.Helper()
	got := strings.ReplaceAll(b.String(), " universe=acme subsequence=crm", "")
	got = strings.ReplaceAll(strings.ReplaceAll(got, "level=", ""), "msg=", "")
	want := strings.Join(lines, "\n") + "\n"
	if d := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s: %s\nall of it:\n%s", what, d, got)
	}
	if n := strings.Count(b.String(), "\n"); n != strings.Count(b.String(), " universe=acme subsequence=crm ") {
		t.Errorf("%s: universe and sub-sequence are not in each of %d lines", what, n)
	}
	b.Reset()

	comment, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(comment), "// # Progress and logs\n")
	table, _, _ = strings.Cut(table, "\n// # ")
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, ` "`)
		message, attrs, _ := strings.Cut(rest, `" `)
		if !strings.Contains(table, "\n//\t"+message+" ") {
			t.Errorf("%q is not in the package comment", message)
		}
		for _, key := range logKey.FindAllStringSubmatch(attrs, -1) {
			if !strings.Contains(table, key[1]) {
				t.Errorf("%q: the key %q is not in the package comment", message, key[1])
			}
		}
	}
}

var logKey = regexp.MustCompile(`(?:^| )([a-z_]+)=`)

// The messages and keys are a promise: who counts them must not be surprised.
func TestLog(t *testing.T) {
	const none = "rejected=0 duplicate=0 held_back=0"
	for _, tt := range []struct {
		name string
		play func(t *testing.T, a splio.Activation, d *drop, b *logbook)
	}{
		{"first run, and one with nothing to do", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			a.Mapping.Custom = []string{"points"}
			src := segment(head+",points", "ann@example.net,Ann,Lee,1", "bob@example.net,Bob,Ray,2", "nobody,Bob,Ray,3")
			mustRun(t, a, src, d)
			b.want(t, "first run",
				`INFO "plan made" plan=P1 read=3 rejected=1 duplicate=0 held_back=0 unchanged=0 inserted=2 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true files=1 rows=2 bytes=84 state=ready`,
				`INFO "values rejected" plan=P1 field=email attribute=email reason="not an e-mail address" action=rejected count=1`,
				`WARN "attributes unverified" plan=P1 attributes=[points]`,
				`INFO "delivery begun" plan=P1 files=1 rows=2 bytes=84 resumed=false`,
				`INFO "file delivered" plan=P1 file=acme_contacts_crm_20250314.csv rows=2 bytes=84 found=false`,
				`INFO "plan published" plan=P1 files=1 rows=2 bytes=84`,
				`INFO "call ended" operation=run outcome=ok`)
			mustRun(t, a, src, d)
			b.want(t, "nothing to do",
				`INFO "plan made" plan=P2 read=3 rejected=1 duplicate=0 held_back=0 unchanged=2 inserted=0 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=false files=0 rows=0 bytes=0 state=ready`,
				`INFO "values rejected" plan=P2 field=email attribute=email reason="not an e-mail address" action=rejected count=1`,
				`INFO "plan published" plan=P2 files=0 rows=0 bytes=0`,
				`INFO "call ended" operation=run outcome=ok`)
		}},
		{"braked and released", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			mustRun(t, a, day1, d)
			b.Reset()
			d.take(t)
			a.Brakes = splio.Brakes{Minimum: 1}
			_, err := a.Run(t.Context(), day2, d)
			if _, ok := errors.AsType[*splio.BrakeError](err); ok {
				t.Fatal("half of the contacts hit a brake")
			}
			b.Reset()
			a.Brakes.Changed = 0.1
			if _, err = a.Run(t.Context(), day3, d); err == nil {
				t.Fatal("no brake")
			}
			b.want(t, "braked",
				`WARN "plan made" plan=P3 read=3 `+none+` unchanged=1 inserted=1 updated=1 left=0 uncertain=0 left_rows=0 deleted=0 first=false files=1 rows=2 bytes=73 state=braked`,
				`WARN "brake hit" plan=P3 brake=inserted attribute="" count=1 total=3 limit=0.3`,
				`WARN "brake hit" plan=P3 brake=changed attribute="" count=1 total=2 limit=0.1`,
				`WARN "call ended" operation=run outcome=braked stage=""`)
			p, err := a.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Release(t.Context(), "Ann Lee says so"); err != nil {
				t.Fatal(err)
			}
			b.want(t, "release",
				`INFO "plan released" plan=P3 state=braked`,
				`INFO "call ended" operation=release outcome=ok`)
			mustRun(t, a, day3, d)
			b.want(t, "after the release",
				`INFO "earlier plan resumed" plan=P3 state=released`,
				`WARN "earlier files waiting" plan=P3 waiting=1 unknown=false`,
				`INFO "delivery begun" plan=P3 files=1 rows=2 bytes=73 resumed=false`,
				`INFO "file delivered" plan=P3 file=acme_contacts_crm_20250314_3.csv rows=2 bytes=73 found=false`,
				`INFO "plan published" plan=P3 files=1 rows=2 bytes=73`,
				`INFO "plan made" plan=P4 read=3 `+none+` unchanged=3 inserted=0 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=false files=0 rows=0 bytes=0 state=ready`,
				`INFO "plan published" plan=P4 files=0 rows=0 bytes=0`,
				`INFO "call ended" operation=run outcome=ok`)
		}},
		{"failed delivery", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			a.Format.MaxLines = 2
			d.faults = map[int]fault{1: {err: errLine}}
			if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
				t.Fatal(err)
			}
			b.want(t, "failed",
				`INFO "plan made" plan=P1 read=2 `+none+` unchanged=0 inserted=2 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true files=2 rows=2 bytes=98 state=ready`,
				`INFO "delivery begun" plan=P1 files=2 rows=2 bytes=98 resumed=false`,
				`INFO "file delivered" plan=P1 file=acme_contacts_crm_20250314.csv rows=1 bytes=49 found=false`,
				`ERROR "call ended" operation=run outcome=other stage=delivering`)
			p, err := a.Pending(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.Apply(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			b.want(t, "once more",
				`INFO "delivery begun" plan=P1 files=2 rows=2 bytes=98 resumed=true`,
				`INFO "file delivered" plan=P1 file=acme_contacts_crm_20250314_2.csv rows=1 bytes=49 found=false`,
				`INFO "plan published" plan=P1 files=2 rows=2 bytes=98`,
				`INFO "call ended" operation=apply outcome=ok`)
			if _, err := p.Apply(t.Context(), d); !errors.Is(err, splio.ErrNoPlan) {
				t.Fatal(err)
			}
			b.want(t, "twice", `ERROR "call ended" operation=apply outcome="no plan" stage=""`)
		}},
		{"killed after the rename", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			d.faults = map[int]fault{0: {late: true, err: errLine}} // nobody hears that it got through
			if _, err := a.Run(t.Context(), day1, d); !errors.Is(err, errLine) {
				t.Fatal(err)
			}
			b.Reset()
			mustRun(t, a, day1, d)
			b.want(t, "settled",
				`INFO "earlier plan resumed" plan=P1 state=applying`,
				`INFO "delivery begun" plan=P1 files=1 rows=2 bytes=73 resumed=true`,
				`INFO "file delivered" plan=P1 file=acme_contacts_crm_20250314.csv rows=2 bytes=73 found=true`,
				`INFO "plan published" plan=P1 files=1 rows=2 bytes=73`,
				`INFO "plan made" plan=P2 read=2 `+none+` unchanged=2 inserted=0 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=false files=0 rows=0 bytes=0 state=ready`,
				`INFO "plan published" plan=P2 files=0 rows=0 bytes=0`,
				`INFO "call ended" operation=run outcome=ok`)
		}},
		{"replaced, discarded, name taken", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			mustPlan(t, a, day1)
			b.Reset()
			p := mustPlan(t, a, day1)
			b.want(t, "replaced",
				`INFO "plan replaced" plan=P1 state=ready`,
				`INFO "plan made" plan=P2 read=2 `+none+` unchanged=0 inserted=2 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true files=1 rows=2 bytes=73 state=ready`,
				`INFO "call ended" operation=plan outcome=ok`)
			if err := p.Discard(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.want(t, "discarded",
				`INFO "plan discarded" plan=P2 sent=0`,
				`INFO "call ended" operation=discard outcome=ok`)
			if err := d.Mem.Put(t.Context(), "acme_contacts_crm_20250314.csv", "temp", sectionOf("somebody else's")); err != nil {
				t.Fatal(err)
			}
			p = mustPlan(t, a, day1)
			b.Reset()
			if _, err := p.Apply(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			b.want(t, "taken",
				`INFO "delivery begun" plan=P3 files=1 rows=2 bytes=73 resumed=false`,
				`WARN "file name taken" plan=P3 file=acme_contacts_crm_20250314.csv next=acme_contacts_crm_20250314_2.csv`,
				`INFO "file delivered" plan=P3 file=acme_contacts_crm_20250314_2.csv rows=2 bytes=73 found=false`,
				`INFO "plan published" plan=P3 files=1 rows=2 bytes=73`,
				`INFO "call ended" operation=apply outcome=ok`)
		}},
		{"the other calls", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			if _, err := a.Preview(t.Context(), day1); err != nil {
				t.Fatal(err)
			}
			b.want(t, "preview",
				`INFO "preview made" read=2 `+none+` unchanged=0 inserted=2 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true files=1 rows=2 bytes=73 state=ready`,
				`INFO "call ended" operation=preview outcome=ok`)
			if _, err := a.Adopt(t.Context(), day1, false); err != nil {
				t.Fatal(err)
			}
			b.want(t, "adopt",
				`INFO "state adopted" read=2 `+none+` unchanged=2 inserted=0 updated=0 left=0 uncertain=0 left_rows=0 deleted=0 first=true`,
				`INFO "call ended" operation=adopt outcome=ok`)
			ann := func(yield func(string, error) bool) { yield("ann@example.net", nil) }
			if _, _, err := a.Resend(t.Context(), day1, ann, 0); err != nil {
				t.Fatal(err)
			}
			b.want(t, "resend",
				`INFO "contacts due" count=1 spent=0`,
				`INFO "call ended" operation=resend outcome=ok`)
			if _, err := a.Forget(t.Context(), day1, ann); err != nil {
				t.Fatal(err)
			}
			b.want(t, "forget",
				`INFO "contacts forgotten" count=1`,
				`INFO "call ended" operation=forget outcome=ok`)
			a.MaxFiles = -1
			if _, err := a.Plan(t.Context(), day1); !errors.Is(err, splio.ErrConfig) {
				t.Fatal(err)
			}
			b.want(t, "wrong", `ERROR "call ended" operation=plan outcome=configuration stage=""`)
		}},
		{"stopped", func(t *testing.T, a splio.Activation, d *drop, b *logbook) {
			ctx, cancel := context.WithCancelCause(t.Context())
			d.block = func(context.Context, string) { cancel(errors.New("for a reason")) }
			if _, err := a.Run(ctx, day1, d); err == nil {
				t.Fatal("it was not stopped")
			}
			lines := strings.Split(strings.TrimSpace(b.String()), "\n")
			if want := `msg="call ended" universe=acme subsequence=crm operation=run outcome=stopped stage=delivering`; !strings.Contains(lines[len(lines)-1], want) {
				t.Errorf("it ends with %s, want %s", lines[len(lines)-1], want)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, b := newActivation(t), new(logbook)
			a.Logger = b.logger(slog.LevelInfo)
			tt.play(t, a, new(drop), b)
		})
	}
}

// The stages are logged for who wants to know where the time goes.
func TestLogStages(t *testing.T) {
	a, b := newActivation(t), new(logbook)
	a.Logger = b.logger(slog.LevelDebug)
	mustRun(t, a, day1, new(drop))
	var got []string
	for line := range strings.Lines(b.String()) {
		if _, stage, ok := strings.Cut(line, "stage="); ok && strings.Contains(line, "level=DEBUG msg=\"stage ended\"") {
			got = append(got, strings.Fields(stage)[0])
		}
	}
	if want := []string{"reading", "comparing", "writing", "waiting", "delivering", "publishing"}; !slices.Equal(got, want) {
		t.Errorf("stages %q, want %q", got, want)
	}
}

// Nothing out of a record, no reason, path or error gets into a log, whatever
// happens.
func TestLogHoldsNoData(t *testing.T) {
	const secret = "zqxsecret"
	b := new(logbook)
	a := newActivation(t)
	a.State = filepath.Join(t.TempDir(), secret)
	a.Logger = b.logger(slog.LevelDebug)
	a.Format = splio.Format{MaxLines: 3, Quotes: splio.QuoteReject}
	a.Mapping = mapping.Mapping{
		Key: mapping.Field{From: "email", To: "email"},
		Fields: []mapping.Field{
			{From: "first", To: "firstname"}, {From: "last", To: "lastname", Empty: mapping.Reject},
			{From: "phone", To: "cellphone"}, {From: "birth", To: "dateOfCreation"},
		},
		Custom: []string{"note"},
	}
	a.Left = splio.Left{Clear: []string{"note"}}
	a.Retain = 1
	person := func(n int, last string) string {
		return fmt.Sprintf("%s%d@%s.example.net,%s,%s,+33%s,%s,%s", secret, n, secret, secret, last, secret, secret, secret+last)
	}
	fields := "email,first,last,phone,birth,note"
	day := func(n int) mapping.Source {
		lines := []string{fields, secret + "," + secret + ",x,1,2,3", person(1, "-"), person(2, secret+`"`), person(3, secret), person(3, secret+"too")}
		for i := range 8 {
			lines = append(lines, person(10+i+n, fmt.Sprint(secret, n)))
		}
		return segment(lines...)
	}
	seen := 0
	check := func(what string) {
		t.Helper()
		for line := range strings.Lines(b.String()) {
			seen++
			if strings.Contains(strings.ToLower(line), secret) {
				t.Errorf("%s: %s", what, line)
			}
		}
		b.Reset()
	}
	boom := fmt.Errorf("the line to %s is dead", secret)
	d := new(drop)
	keys := func(yield func(string, error) bool) { yield(secret+"12@"+secret+".example.net", nil) }
	a.Brakes = splio.Brakes{Rejected: 1, ColumnInvalid: 1, Minimum: 1}
	r := mustRun(t, a, day(0), d)
	if r.Rejected < 4 || r.Inserted != 8 || len(r.Rejections) < 5 {
		t.Fatalf("the segment tests nothing: %+v", r)
	}
	check("first run")
	a.Now = a.Now.Add(time.Hour)
	if _, err := a.Run(t.Context(), day(1), d); err == nil {
		t.Fatal("no brake")
	}
	check("braked")
	p, err := a.Pending(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Release(t.Context(), secret+" says so"); err != nil {
		t.Fatal(err)
	}
	d.faults = map[int]fault{d.puts() + 1: {err: boom}}
	if _, err := p.Apply(t.Context(), d); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	check("released and failed")
	if err := p.Discard(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("discarded")
	a.Brakes = splio.Brakes{Shrunk: 1, Left: 1, Inserted: 1, Changed: 1, Rejected: 1, ColumnChanged: 1, ColumnInvalid: 1}
	mustRun(t, a, day(1), d)
	if _, _, err := a.Resend(t.Context(), day(1), keys, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Forget(t.Context(), day(1), keys); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Adopt(t.Context(), day(1), true); err != nil {
		t.Fatal(err)
	}
	check("other calls")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(boom)
	if _, err := a.Run(ctx, day(2), d); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	check("stopped")
	if err := os.WriteFile(filepath.Join(a.State, "ledger"), []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Run(t.Context(), day(2), d); err == nil || !strings.Contains(err.Error(), secret) {
		t.Fatalf("a damaged ledger: %v", err)
	}
	check("damaged")
	a.Mapping.Fields[0].To = secret
	if _, err := a.Run(t.Context(), day(2), d); !errors.Is(err, splio.ErrConfig) {
		t.Fatal(err)
	}
	check("wrong configuration")
	if seen < 60 {
		t.Errorf("%d lines were logged", seen)
	}
}
