package planview_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// node is an element of a page.
type node struct {
	name     string
	attr     map[string]string
	children []*node
	text     string // of it and everything below
}

// parse reads a page as strictly as XML is read.
func parse(t *testing.T, page string) *node {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(page))
	root := &node{}
	open := []*node{root}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local, attr: make(map[string]string)}
			for _, a := range token.Attr {
				n.attr[a.Name.Local] = a.Value
			}
			top := open[len(open)-1]
			top.children = append(top.children, n)
			open = append(open, n)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, n := range open {
				n.text += string(token)
			}
		}
	}
}

// all calls visit for each element below n, with those that it is in.
func (n *node) all(visit func(n *node, in []*node)) {
	var walk func(n *node, in []*node)
	walk = func(n *node, in []*node) {
		for _, c := range n.children {
			visit(c, in)
			walk(c, append(in, c))
		}
	}
	walk(n, nil)
}

// What is asked of every page: it can be read without eyes, mouse and network.
func TestPages(t *testing.T) {
	for name, v := range views() {
		page := html(t, v)
		if len(page) > 60<<10 && name != "large" || len(page) > 120<<10 {
			t.Errorf("%s: %d bytes", name, len(page))
		}
		root := parse(t, page)
		ids := make(map[string]bool)
		var labels []string
		level, mains, h1 := 0, 0, 0
		root.all(func(n *node, in []*node) {
			at := name + ": <" + n.name + ">"
			inside := func(name string) bool { return slices.ContainsFunc(in, func(n *node) bool { return n.name == name }) }
			for attr, value := range n.attr {
				if attr == "style" || attr == "src" || attr == "href" || strings.HasPrefix(attr, "on") || strings.Contains(value, "javascript:") {
					t.Errorf("%s has %s=%q", at, attr, value)
				}
				switch attr {
				case "id":
					if ids[value] {
						t.Errorf("%s: the id %q is there twice", at, value)
					}
					ids[value] = true
				case "aria-labelledby":
					labels = append(labels, value)
				}
			}
			switch n.name {
			case "html":
				if n.attr["lang"] != "en" {
					t.Errorf("%s says no language", at)
				}
			case "script", "link", "img", "iframe", "object", "form", "a", "base", "animate", "use", "image", "foreignObject":
				t.Errorf("%s is nothing for this page", at)
			case "meta":
				if n.attr["http-equiv"] == "Content-Security-Policy" && !strings.HasPrefix(n.attr["content"], "default-src 'none'; style-src 'sha256-") {
					t.Errorf("%s: the policy is %q", at, n.attr["content"])
				}
			case "title", "caption", "summary", "h1", "h2", "h3":
				if strings.TrimSpace(n.text) == "" {
					t.Errorf("%s is empty", at)
				}
				if len(n.name) == 2 {
					l := int(n.name[1] - '0')
					if l > level+1 {
						t.Errorf("%s after level %d", at, level)
					}
					level = l
					if l == 1 {
						h1++
					}
				}
			case "main":
				mains++
			case "table":
				if n.children[0].name != "caption" {
					t.Errorf("%s begins with <%s>, not with a caption", at, n.children[0].name)
				}
			case "th":
				if want := map[bool]string{true: "col", false: "row"}[inside("thead")]; n.attr["scope"] != want {
					t.Errorf("%s has scope %q, want %q: %s", at, n.attr["scope"], want, n.text)
				}
			case "section":
				if n.attr["aria-labelledby"] == "" && n.attr["aria-label"] == "" {
					t.Errorf("%s has no name", at)
				}
			case "svg":
				if n.attr["aria-hidden"] != "true" && (n.attr["role"] != "img" || n.attr["aria-label"] == "") {
					t.Errorf("%s is neither hidden nor described", at)
				}
			case "details":
				if n.children[0].name != "summary" {
					t.Errorf("%s begins with <%s>", at, n.children[0].name)
				}
			}
			if strings.Contains(n.attr["class"], "wide") && (n.attr["tabindex"] != "0" || n.attr["role"] != "region" || n.attr["aria-label"]+n.attr["aria-labelledby"] == "") {
				t.Errorf("%s scrolls, and can not be reached by keys", at)
			}
		})
		if mains != 1 || h1 != 1 {
			t.Errorf("%s: %d main parts, %d titles", name, mains, h1)
		}
		for _, l := range labels {
			if !ids[l] {
				t.Errorf("%s: labelled by %q, which is not there", name, l)
			}
		}
		if !strings.Contains(page, `http-equiv="Content-Security-Policy"`) {
			t.Errorf("%s: no policy", name)
		}
		if regexp.MustCompile(`(?i)https?:|url\(|@import|//[a-z]`).MatchString(page) && name != "hostile" {
			t.Errorf("%s: names something on the network", name)
		}
	}
}

// Both palettes have the contrast that AA asks for: 4.5 for text, 3 for what is drawn.
func TestContrast(t *testing.T) {
	css, err := os.ReadFile("page.css")
	if err != nil {
		t.Fatal(err)
	}
	light, dark, found := strings.Cut(string(css), "prefers-color-scheme: dark")
	if !found {
		t.Fatal("there is no dark palette")
	}
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		colour := make(map[string]float64)
		for _, m := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(part, -1) {
			colour[m[1]] = luminance(t, m[2])
		}
		for _, c := range []struct {
			ink, paper []string
			least      float64
		}{
			{[]string{"text", "soft", "good", "warn", "bad", "link"}, []string{"page", "card"}, 4.5},
			{[]string{"text", "bad"}, []string{"bad-card"}, 4.5},
			{[]string{"updated", "inserted", "rejected", "bad", "text"}, []string{"page", "track"}, 3},
		} {
			for _, ink := range c.ink {
				for _, paper := range c.paper {
					a, aok := colour[ink]
					b, bok := colour[paper]
					if got := (max(a, b) + 0.05) / (min(a, b) + 0.05); !aok || !bok || got < c.least {
						t.Errorf("%s: %s on %s has a contrast of %.2f, want %.1f", scheme, ink, paper, got, c.least)
					}
				}
			}
		}
	}
	// Nothing moves, so that there is nothing to hold still for who asked for less motion.
	if m := regexp.MustCompile(`animation|transition|@keyframes|smooth|marquee`).Find(css); m != nil {
		t.Errorf("%s: something moves", m)
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(fmt.Errorf("colour %s: %w", hex, err))
	}
	linear := func(v uint64) float64 {
		c := float64(v&0xff) / 255
		if c <= 0.03928 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(n>>16) + 0.7152*linear(n>>8) + 0.0722*linear(n)
}
