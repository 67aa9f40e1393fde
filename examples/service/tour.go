package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
)

// tour asks the service what a scheduler, a monitor and a person would.
func tour(ctx context.Context, out io.Writer, base, token string, bonus *atomic.Int64) error {
	ask := func(method, path, token string, form url.Values) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, method, base+path, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		if form != nil {
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		fmt.Fprintf(out, "\n%s %s\n%s\n", method, path, resp.Status)
		return body, err
	}
	run := func(token string) (r result, err error) {
		body, err := ask("POST", "/run", token, nil)
		if err != nil {
			return r, err
		}
		if err := json.Unmarshal(body, &r); err != nil {
			return r, err
		}
		fmt.Fprintln(out, r.Outcome)
		if r.Report != nil && r.Report.Resumed != nil {
			fmt.Fprintf(out, "first, the plan that was released (%s): %d updated\n", r.Report.Resumed.Reason, r.Report.Resumed.Updated)
		}
		if r.Report != nil {
			fmt.Fprintf(out, "%d read, %d inserted, %d updated, %d unchanged\n", r.Report.Read, r.Report.Inserted, r.Report.Updated, r.Report.Unchanged)
		}
		return r, nil
	}

	if _, err := run(""); err != nil { // without the token
		return err
	}
	if _, err := run(token); err != nil {
		return err
	}
	bonus.Store(100) // everybody has changed: somebody should have a look first
	braked, err := run(token)
	if err != nil {
		return err
	}
	page, err := ask("GET", "/plan", "", nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "a page of %d kB, headed %s\n", len(page)>>10, regexp.MustCompile(`<h1>[^<]*</h1>`).Find(page))
	body, err := ask("POST", "/release", token, url.Values{"plan": {braked.Plan}, "reason": {"points for everybody at our jubilee"}})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s", body)
	if _, err := run(token); err != nil {
		return err
	}
	for _, path := range []string{"/healthz", "/metrics"} {
		body, err := ask("GET", path, "", nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s", body)
	}
	return nil
}
