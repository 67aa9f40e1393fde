package mappingtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// parseGolden reads a line of a golden file to the letter: each member by its exact name, and once. Package encoding/json
// would take the last of two, and another case.
func parseGolden(line []byte) (row goldenRow, err error) {
	dec := json.NewDecoder(bytes.NewReader(line))
	named := false
	err = members(dec, func(name string) (err error) {
		switch name {
		case "record":
			named = true
			row.Record, err = scalar[string](dec, name)
		case "rejected":
			row.Rejected, err = scalar[bool](dec, name)
		case "cells":
			row.Cells, err = texts(dec)
		case "reports":
			row.Reports, err = texts(dec)
		default:
			err = fmt.Errorf("unknown field %q: there are record, cells, rejected and reports", name)
		}
		return err
	})
	switch {
	case err != nil:
		return row, err
	case !named:
		return row, errors.New("the record has no name: give it as record")
	}
	if _, err := dec.Token(); err != io.EOF {
		return row, errors.New("there is more than one JSON object on the line")
	}
	return row, nil
}

// members reads an object, by what reads the value of each member.
func members(dec *json.Decoder, value func(name string) error) error {
	if open, err := dec.Token(); err != nil {
		return early(err)
	} else if open != json.Delim('{') {
		return fmt.Errorf("%v stands where an object must be", open)
	}
	seen := make(map[string]bool)
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return early(err)
		}
		name, _ := token.(string) // the decoder takes no other
		if seen[name] {
			return fmt.Errorf("there are two members %q", name)
		}
		seen[name] = true
		if err := value(name); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return early(err)
}

func texts(dec *json.Decoder) (map[string]string, error) {
	all := make(map[string]string)
	err := members(dec, func(name string) (err error) {
		all[name], err = scalar[string](dec, name)
		return err
	})
	return all, err
}

// scalar reads the value of a member.
func scalar[T string | bool](dec *json.Decoder, name string) (value T, err error) {
	token, err := dec.Token()
	if err != nil {
		return value, early(err)
	}
	value, ok := token.(T)
	if !ok {
		return value, fmt.Errorf("member %q must be a %T", name, value)
	}
	return value, nil
}

// early is err, the end of the line being one that comes too early.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
