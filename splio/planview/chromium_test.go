//go:build unix

package planview_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// browser is a headless Chromium with one page, driven over a pipe by the
// protocol of its developer tools: messages are JSON, ended by a zero byte.
type browser struct {
	t       *testing.T
	to      io.Writer
	from    *bufio.Reader
	session string
	last    int
	events  []event // since the last look
}

type event struct {
	Method string
	Params json.RawMessage
}

// newBrowser starts a browser. A missing one is a failure in CI.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("chromium is not installed, and nothing is to be skipped here")
		}
		t.Skip("chromium is not installed")
	}
	toRead, toWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromRead, fromWrite, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	cmd := exec.Command(path, "--headless", "--no-sandbox", "--remote-debugging-pipe", "--user-data-dir="+profile, "--disable-gpu",
		"--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--disable-background-networking", "--disable-component-update",
		"--disable-extensions", "--disable-sync", "--font-render-hinting=none")
	cmd.ExtraFiles = []*os.File{toRead, fromWrite} // 3 and 4, where it looks for them
	cmd.Env = append(os.Environ(), "HOME="+profile)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toRead.Close()
	fromWrite.Close()
	b := &browser{t: t, to: toWrite, from: bufio.NewReader(fromRead)}
	// A browser that hangs is ended, and the read in call fails.
	watchdog := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() {
		if !t.Failed() {
			b.session = ""
			b.call("Browser.close", nil, nil)
		}
		toWrite.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		fromRead.Close()
		watchdog.Stop()
		if t.Failed() {
			for l := range strings.Lines(stderr.String()) {
				if !strings.Contains(l, "dbus") { // of which there is none where tests run
					t.Logf("the browser said: %s", l)
				}
			}
		}
	})
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	b.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "Network", "Accessibility", "DOM"} {
		b.call(domain+".enable", nil, nil)
	}
	return b
}

// call sends a command and reads until its result, which goes into out.
func (b *browser) call(method string, params map[string]any, out any) {
	b.t.Helper()
	b.last++
	msg := map[string]any{"id": b.last, "method": method}
	if params != nil {
		msg["params"] = params
	}
	if b.session != "" {
		msg["sessionId"] = b.session
	}
	data, err := json.Marshal(msg)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.to.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v", method, err)
	}
	for {
		m := b.read()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error.Message)
		}
		if out != nil {
			if err := json.Unmarshal(m.Result, out); err != nil {
				b.t.Fatalf("%s: %v", method, err)
			}
		}
		return
	}
}

type message struct {
	ID     int
	Result json.RawMessage
	Error  *struct{ Message string }
	event
}

func (b *browser) read() (m message) {
	b.t.Helper()
	data, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser has gone: %v", err)
	}
	if err := json.Unmarshal(data[:len(data)-1], &m); err != nil {
		b.t.Fatal(err)
	}
	if m.Method != "" {
		b.events = append(b.events, m.event)
	}
	return m
}

// open loads a page and waits until it is there.
func (b *browser) open(url string) {
	b.t.Helper()
	b.events = nil
	var nav struct{ ErrorText string }
	b.call("Page.navigate", map[string]any{"url": url}, &nav)
	if nav.ErrorText != "" {
		b.t.Fatalf("open %s: %s", url, nav.ErrorText)
	}
	for _, e := range b.events {
		if e.Method == "Page.loadEventFired" {
			return
		}
	}
	for b.read().Method != "Page.loadEventFired" {
	}
}

// show sets what the page is shown on.
func (b *browser) show(width int, scheme, media string) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false}, nil)
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": media, "features": []any{map[string]any{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// eval runs an expression in the page; its value goes into out.
func (b *browser) eval(expression string, out any) {
	b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true}, &r)
	if r.ExceptionDetails != nil {
		b.t.Fatalf("in the page: %s", r.ExceptionDetails.Exception.Description)
	}
	if err := json.Unmarshal(r.Result.Value, out); err != nil {
		b.t.Fatalf("in the page: %v: %s", err, r.Result.Value)
	}
}

// screenshot takes a picture of the page from its top to so many pixels below,
// 0: to its end.
func (b *browser) screenshot(width, height int) []byte {
	b.t.Helper()
	if height == 0 {
		b.eval("document.documentElement.scrollHeight", &height)
	}
	var r struct{ Data []byte }
	b.call("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": 1}}, &r)
	return r.Data
}

// complaints are what the browser had to say since the page was opened, and what
// it asked the network for beside the page.
func (b *browser) complaints(page string) (out []string) {
	for _, e := range b.events {
		switch e.Method {
		case "Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed":
			out = append(out, fmt.Sprintf("%s: %s", e.Method, e.Params))
		case "Network.requestWillBeSent":
			var p struct{ Request struct{ URL string } }
			if err := json.Unmarshal(e.Params, &p); err != nil || p.Request.URL != page {
				out = append(out, "request: "+p.Request.URL)
			}
		}
	}
	return out
}
