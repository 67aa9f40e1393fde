package main

import (
	"bytes"
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/spliosync/spliosync/diff"
	"github.com/spliosync/spliosync/mapping"
	"github.com/spliosync/spliosync/splio"
	"github.com/spliosync/spliosync/splio/planview"
)

// service is an activation that is operated over HTTP. No answer holds a value of
// any contact.
type service struct {
	activation splio.Activation
	segment    func() mapping.Source // a new one for each run
	transport  splio.Transport
	token      string        // what POST asks for: Authorization: Bearer TOKEN
	stale      time.Duration // without a success for so long, the service is not healthy

	running sync.Mutex // held by the run under way
	metrics metrics
}

// serve serves until ctx ends. A run under way then has the grace to come to its
// end, and is cut off after that: it is in the outbox, and the first thing that the
// next run ends.
func (s *service) serve(ctx context.Context, listener net.Listener, grace time.Duration) error {
	running, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	server := &http.Server{Handler: s.handler(running), ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	for _, patience := range []time.Duration{grace, 5 * time.Second} {
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		err := server.Shutdown(limit)
		cancel()
		if err == nil {
			return nil
		}
		cut(errStopped)
	}
	return errStopped
}

var errStopped = errors.New("the service was asked to stop, and the run took longer than the grace")

// handler makes runs until ctx ends, which cuts one off that is under way. Who
// asked for a run and hangs up cuts nothing.
func (s *service) handler(ctx context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	mux.HandleFunc("GET /metrics", s.metrics.serve)
	mux.HandleFunc("GET /plan", s.plan)
	mux.HandleFunc("POST /run", s.guarded(func(w http.ResponseWriter, _ *http.Request) { s.run(ctx, w) }))
	mux.HandleFunc("POST /release", s.guarded(s.release))
	return mux
}

// guarded lets nobody without the token pass. An empty token lets nobody pass.
func (s *service) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		got, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !ok || s.token == "" || subtle.ConstantTimeCompare([]byte(got), []byte(s.token)) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			answer(w, http.StatusUnauthorized, result{Outcome: "unauthorized"})
			return
		}
		next(w, r)
	}
}

// result is what POST answers.
type result struct {
	Outcome string        `json:"outcome"`
	Error   string        `json:"error,omitempty"`
	Plan    string        `json:"plan,omitempty"`
	Report  *splio.Report `json:"report,omitempty"`
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // whoever asked has hung up
}

// run makes a run and waits for it.
func (s *service) run(ctx context.Context, w http.ResponseWriter) {
	if !s.running.TryLock() {
		answer(w, http.StatusConflict, result{Outcome: "another run is at work"})
		return
	}
	defer s.running.Unlock()
	report, err := s.activation.Run(ctx, s.segment(), s.transport)
	res, status := result{Outcome: "delivered", Report: report}, http.StatusOK
	if err != nil {
		res.Outcome, res.Error, status = "failed", err.Error(), http.StatusBadGateway
	}
	if braked, ok := errors.AsType[*splio.BrakeError](err); ok {
		res.Outcome, res.Plan, status = "braked", braked.Plan, http.StatusUnprocessableEntity
	}
	if errors.Is(err, diff.ErrLocked) { // by another process
		status = http.StatusConflict
	}
	s.metrics.count(res.Outcome, report, err)
	answer(w, status, res)
}

// release approves the plan that waits, for a reason; the next run sends it. The
// plan is named, so that nobody approves another one than they have seen.
func (s *service) release(w http.ResponseWriter, r *http.Request) {
	id, reason := r.PostFormValue("plan"), strings.TrimSpace(r.PostFormValue("reason"))
	if id == "" || reason == "" {
		answer(w, http.StatusBadRequest, result{Outcome: "give plan and reason"})
		return
	}
	_, err := s.activation.Release(r.Context(), id, reason)
	switch {
	case err == nil:
		answer(w, http.StatusOK, result{Outcome: "released", Plan: id})
	case errors.Is(err, splio.ErrNoPlan), errors.Is(err, diff.ErrLocked):
		answer(w, http.StatusConflict, result{Outcome: "failed", Error: err.Error()})
	default:
		answer(w, http.StatusInternalServerError, result{Outcome: "failed", Error: err.Error()})
	}
}

// plan shows the plan that waits, as a page.
func (s *service) plan(w http.ResponseWriter, r *http.Request) {
	plan, err := s.activation.Pending(r.Context())
	if errors.Is(err, splio.ErrNoPlan) {
		http.Error(w, "no plan waits", http.StatusNotFound)
		return
	}
	var page bytes.Buffer
	if err == nil {
		err = planview.New(&plan.Report, planview.Options{
			State: plan.State, Time: plan.Time, Release: "curl -H 'Authorization: Bearer TOKEN' -d plan=" + plan.ID + " -d reason=WHY http://" + r.Host + "/release",
		}).HTML(&page)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w)
}

// health is for an alarm rather than for whoever restarts what is not well: a
// plan that waits for a person, or a network that is down, is not mended by that.
func (s *service) health(w http.ResponseWriter, r *http.Request) {
	state := "none"
	plan, err := s.activation.Pending(r.Context())
	switch {
	case err == nil:
		state = string(plan.State)
	case !errors.Is(err, splio.ErrNoPlan):
		state = "unknown: " + err.Error()
	}
	age, status := s.metrics.age(), http.StatusOK
	if age > s.stale {
		status = http.StatusServiceUnavailable
	}
	answer(w, status, map[string]any{"last_success_age_seconds": int64(age.Seconds()), "plan": state})
}
