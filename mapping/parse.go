package mapping

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Parse reads a Mapping from JSON, strictly: members that are unknown, repeated or differ in case, null in the place of
// anything, half a surrogate pair in a string, and anything after the object, are errors. A byte order mark at the start is
// passed over. Every error names the line and column where it was found, counted from 1, the column in bytes. What the
// mapping says is checked by [Mapping.Bind].
func Parse(data []byte) (Mapping, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return Mapping{}, parseError(data, validPrefix(data), "not valid UTF-8")
	}
	// The whole text is checked first, so that only members and types are left to go wrong.
	if err := json.Unmarshal(data, new(json.RawMessage)); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			// The offset is behind the offending byte, except at the end of the text.
			at := int(syntax.Offset)
			if !strings.HasPrefix(syntax.Error(), "unexpected end") {
				at--
			}
			return Mapping{}, parseError(data, at, syntax.Error())
		}
		return Mapping{}, fmt.Errorf("mapping: %w", err)
	}
	if trimmed := bytes.TrimLeft(data, " \t\r\n"); trimmed[0] != '{' {
		return Mapping{}, parseError(data, len(data)-len(trimmed), "a mapping is an object")
	}
	w := walker{data: data, dec: json.NewDecoder(bytes.NewReader(data)), begins: make(map[int]int)}
	if err := w.value("mapping"); err != nil {
		return Mapping{}, err
	}
	var m Mapping
	if err := json.Unmarshal(data, &m); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
			return Mapping{}, parseError(data, w.begins[int(wrong.Offset)], fmt.Sprintf("%s is %s, want %s%s", wrong.Field, wrong.Value, wanted(wrong.Type.Kind().String()), example(strings.Contains(wrong.Field, "transforms"))))
		}
		return Mapping{}, fmt.Errorf("mapping: %w", err)
	}
	return m, nil
}

// example shows how transforms are written, where that went wrong.
func example(ofTransforms bool) string {
	if !ofTransforms {
		return ""
	}
	return `, as in "transforms": [{"name": "trim"}, {"name": "map", "values": {"f": "1"}, "else": "0"}]`
}

// wanted is the JSON word for a kind of Go type.
func wanted(kind string) string {
	switch kind {
	case "struct", "map":
		return "an object"
	case "slice":
		return "an array"
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	}
	return "a " + kind
}

func parseError(data []byte, at int, what string) error {
	before := data[:min(max(at, 0), len(data))]
	line := bytes.Count(before, []byte{'\n'}) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("mapping: line %d, column %d: %s", line, column, what)
}

func validPrefix(data []byte) int {
	at := 0
	for at < len(data) {
		r, size := utf8.DecodeRune(data[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// walker goes through a valid JSON text and checks the names of members, which package json cannot locate.
type walker struct {
	data   []byte
	dec    *json.Decoder
	begins map[int]int // of a literal by its end, of an array or object by the end of its bracket: what type errors give
}

// members returns the members of the objects of a kind, and the kind of what a member holds.
func members(kind string) (names []string, holds map[string]string) {
	switch kind {
	case "mapping":
		return []string{"key", "fields", "custom", "zone"}, map[string]string{"key": "field", "fields": "field"}
	case "field":
		return []string{
			"from", "to", "custom", "type", "default", "empty", "invalid", "long", "layouts", "layout", "zone", "places", "booleans",
			"flatten", "separator", "transforms",
		}, map[string]string{"transforms": "transform"}
	case "transform":
		names = []string{"name"}
		for _, t := range transforms {
			for _, p := range t.params {
				if !slices.Contains(names, p) {
					names = append(names, p)
				}
			}
		}
		return names, map[string]string{"values": "values"}
	}
	return nil, nil
}

// value reads one value; the objects in it, or in an array of it, are of that kind.
func (w *walker) value(kind string) error {
	begin := w.next()
	token, err := w.dec.Token()
	if err != nil {
		return fmt.Errorf("mapping: %w", err)
	}
	w.begins[int(w.dec.InputOffset())] = begin
	switch token {
	case nil:
		return parseError(w.data, begin, "null says nothing: leave it out")
	case json.Delim('['):
		for w.dec.More() {
			if err := w.value(kind); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		if err := w.object(kind); err != nil {
			return err
		}
	default:
		return w.whole(begin)
	}
	_, err = w.dec.Token() // the end of the array or object
	return err
}

func (w *walker) object(kind string) error {
	names, holds := members(kind)
	seen := make(map[string]int) // where each begins
	transform := ""
	for w.dec.More() {
		begin := w.next()
		token, err := w.dec.Token()
		if err != nil {
			return fmt.Errorf("mapping: %w", err)
		}
		if err := w.whole(begin); err != nil {
			return err
		}
		name, _ := token.(string)
		switch {
		// An object where there should be none is left to package json, which tells its type.
		case names != nil && !slices.Contains(names, name):
			return parseError(w.data, begin, fmt.Sprintf("unknown member %q of a %s: one of %s%s", name, kind, quoted(names), example(kind == "transform")))
		case seen[name] > 0 && (names != nil || kind == "values"):
			return parseError(w.data, begin, fmt.Sprintf("member %q a second time", name))
		}
		seen[name] = begin
		at := w.next()
		if err := w.value(holds[name]); err != nil {
			return err
		}
		if kind == "transform" && name == "name" {
			_ = json.Unmarshal(w.data[at:w.dec.InputOffset()], &transform) // anything but a string is found out later
		}
	}
	if known, ok := transformNamed(transform); ok {
		return w.params(known, seen)
	}
	return nil
}

// whole checks that the token that was read last, if it is a string, has no half of a surrogate pair in it.
func (w *walker) whole(begin int) error {
	if token := w.data[begin:w.dec.InputOffset()]; token[0] == '"' {
		if _, ok := appendUnescaped(nil, token[1:len(token)-1]); !ok {
			return parseError(w.data, begin, "half of a surrogate pair: a character beyond U+FFFF is two \\u escapes, or itself")
		}
	}
	return nil
}

// params checks which parameters a transform is given.
func (w *walker) params(t transform, given map[string]int) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if name != "name" && !slices.Contains(transforms[t].params, name) {
			return parseError(w.data, given[name], fmt.Sprintf("the transform %q takes no %s", transforms[t].name, name))
		}
	}
	return nil
}

// next is where the next token begins.
func (w *walker) next() int {
	at := int(w.dec.InputOffset())
	return at + len(w.data[at:]) - len(bytes.TrimLeft(w.data[at:], " \t\r\n,:"))
}
