package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/sftpx"
	"github.com/spliosync/spliosync/splio"
)

func TestTour(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out, "", ""); err != nil {
		t.Fatal(err)
	}
	rest := out.String()
	for _, want := range []string{
		"POST /run\n401 Unauthorized",
		"POST /run\n200 OK\ndelivered\n300 read, 300 inserted",
		"POST /run\n422 Unprocessable Entity\nbraked",
		"GET /plan\n200 OK\na page of",
		"<h1>Stopped",
		"POST /release\n200 OK",
		"first, the plan that was released (points for everybody at our jubilee): 300 updated",
		"GET /healthz\n200 OK\n{\"last_success_age_seconds\":0,\"plan\":\"none\"}",
		"spliosync_runs_total{outcome=\"braked\"} 1\nspliosync_runs_total{outcome=\"delivered\"} 2\n",
		"spliosync_records_total{what=\"inserted\"} 300\n",
		"spliosync_records_total{what=\"updated\"} 300\n",
		"spliosync_files_total 2\n",
		"spliosync_braked 0\n",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("no %q, or not in this order, in\n%s", want, out.String())
		}
		rest = after
	}
}

// slow is a destination that takes its time.
type slow struct {
	splio.Transport
	begun, end chan struct{}
}

func (s slow) Put(ctx context.Context, name, temp string, body *io.SectionReader) error {
	close(s.begun)
	select {
	case <-s.end:
		return s.Transport.Put(ctx, name, temp, body)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func serve(t *testing.T, transport splio.Transport) (*service, string) {
	s := &service{
		activation: splio.Activation{
			Destination: splio.Destination{Universe: "acme", Subsequence: "crm"},
			Mapping:     mapping.Mapping{Key: mapping.Field{From: "email", To: "email"}},
			State:       filepath.Join(t.TempDir(), "state"),
			Insert:      true,
		},
		segment:   func() mapping.Source { return segment(0) },
		transport: transport,
		token:     "secret",
		stale:     time.Hour,
	}
	s.metrics.start(time.Now())
	server := httptest.NewServer(s.handler(t.Context()))
	t.Cleanup(server.Close)
	return s, server.URL
}

// ask returns the status and the outcome.
func ask(t *testing.T, ctx context.Context, method, url, token string, form url.Values) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var r result
	_ = json.NewDecoder(resp.Body).Decode(&r) // a page has none
	return resp.StatusCode, r.Outcome
}

func TestStatus(t *testing.T) {
	s, at := serve(t, new(sftpx.Mem))
	plan, err := s.activation.Plan(t.Context(), segment(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, method, path, token string
		form                      url.Values
		want                      int
	}{
		{"no run without the token", "POST", "/run", "", nil, 401},
		{"no run with another token", "POST", "/run", "guess", nil, 401},
		{"no release without the token", "POST", "/release", "", url.Values{"plan": {plan.ID}, "reason": {"why"}}, 401},
		{"no release without a reason", "POST", "/release", "secret", url.Values{"plan": {plan.ID}, "reason": {" "}}, 400},
		{"no release of another plan than the one that was seen", "POST", "/release", "secret", url.Values{"plan": {"OTHER"}, "reason": {"why"}}, 409},
		{"looking changes nothing", "POST", "/plan", "secret", nil, 405},
		{"a plan waits", "GET", "/plan", "", nil, 200},
		{"it is released", "POST", "/release", "secret", url.Values{"plan": {plan.ID}, "reason": {"why"}}, 200},
		{"it is sent", "POST", "/run", "secret", nil, 200},
		{"none waits", "GET", "/plan", "", nil, 404},
		{"healthy", "GET", "/healthz", "", nil, 200},
	} {
		if got, outcome := ask(t, t.Context(), c.method, at+c.path, c.token, c.form); got != c.want {
			t.Errorf("%s: %d %s, want %d", c.name, got, outcome, c.want)
		}
	}
	s.metrics.start(time.Now().Add(-2 * time.Hour))
	if got, _ := ask(t, t.Context(), "GET", at+"/healthz", "", nil); got != 503 {
		t.Errorf("no success for two hours: %d", got)
	}
}

func TestNoToken(t *testing.T) {
	s := &service{}
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic "} {
		r, w := httptest.NewRequest("POST", "/run", nil), httptest.NewRecorder()
		r.Header.Set("Authorization", header)
		s.handler(t.Context()).ServeHTTP(w, r)
		if w.Code != 401 {
			t.Errorf("a service without a token lets %q pass: %d", header, w.Code)
		}
	}
}

// TestOneRun makes sure that runs do not overlap, and that whoever asked for one
// can hang up.
func TestOneRun(t *testing.T) {
	mem := new(sftpx.Mem)
	to := slow{mem, make(chan struct{}), make(chan struct{})}
	s, at := serve(t, to)
	ctx, hangUp := context.WithCancel(t.Context())
	answered := make(chan int)
	go func() {
		status, _ := ask(t, ctx, "POST", at+"/run", "secret", nil)
		answered <- status
	}()
	<-to.begun
	if status, outcome := ask(t, t.Context(), "POST", at+"/run", "secret", nil); status != 409 {
		t.Errorf("a second run: %d %s", status, outcome)
	}
	hangUp()
	if status := <-answered; status != 0 {
		t.Errorf("who hung up was answered %d", status)
	}
	close(to.end)
	s.running.Lock() // until the run is over
	defer s.running.Unlock()
	if n := len(mem.Names()); n != 1 {
		t.Errorf("%d files arrived, want 1", n)
	}
}

// TestStop ends a service while a run is under way.
func TestStop(t *testing.T) {
	for _, c := range []struct {
		name  string
		grace time.Duration
		ends  bool // the run, by itself
		want  int
	}{
		{"a run that ends within the grace is not cut off", time.Hour, true, 200},
		{"one that does not is cut off", time.Millisecond, false, 502},
	} {
		t.Run(c.name, func(t *testing.T) {
			mem := new(sftpx.Mem)
			to := slow{mem, make(chan struct{}), make(chan struct{})}
			s, _ := serve(t, to)
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, signal := context.WithCancel(t.Context())
			answered, ended := make(chan int, 1), make(chan error, 1)
			go func() { ended <- s.serve(ctx, listener, c.grace) }()
			go func() {
				status, _ := ask(t, t.Context(), "POST", "http://"+listener.Addr().String()+"/run", "secret", nil)
				answered <- status
			}()
			<-to.begun
			signal()
			if c.ends {
				close(to.end)
			}
			if got := <-answered; got != c.want {
				t.Errorf("answered %d, want %d", got, c.want)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			// The next process goes on from there.
			report, err := s.activation.Run(t.Context(), segment(0), mem)
			if err != nil || report.Unchanged != 300 || len(mem.Names()) != 1 || (report.Resumed != nil) == c.ends {
				t.Errorf("%v %+v", err, report)
			}
		})
	}
}

func TestListen(t *testing.T) {
	ctx, signal := context.WithCancel(t.Context())
	signal()
	var out strings.Builder
	if err := run(ctx, &out, "127.0.0.1:0", "secret"); err != nil || !strings.HasPrefix(out.String(), "listening on http://127.0.0.1:") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if err := run(t.Context(), &out, "127.0.0.1:0", ""); err == nil {
		t.Error("it serves without a token")
	}
}
