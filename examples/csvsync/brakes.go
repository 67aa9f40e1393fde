package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spliosync/spliosync/splio"
)

// parseBrakes reads a list like "changed=70%,left=off,minimum=500".
func parseBrakes(s string) (b splio.Brakes, err error) {
	if s == "" {
		return b, nil
	}
	limits := map[string]*float64{
		string(splio.BrakeShrunk): &b.Shrunk, string(splio.BrakeLeft): &b.Left, string(splio.BrakeDeleted): &b.Deleted, string(splio.BrakeInserted): &b.Inserted,
		string(splio.BrakeChanged): &b.Changed, string(splio.BrakeRejected): &b.Rejected,
		string(splio.BrakeColumnChanged): &b.ColumnChanged, string(splio.BrakeColumnInvalid): &b.ColumnInvalid,
		string(splio.BrakeSize): &b.Size,
	}
	var errs []error
	for part := range strings.SplitSeq(s, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		limit := limits[name]
		switch {
		case name == string(splio.BrakeEmpty) && value == "off":
			b.AllowEmpty = true
		case name == "minimum":
			if b.Minimum, err = strconv.ParseInt(value, 10, 64); err != nil || b.Minimum < 1 {
				errs = append(errs, fmt.Errorf("-brake %q: minimum is a number from 1 on", part))
			}
		case name == string(splio.BrakeRows) && value == "off":
			b.Rows = 1
		case name == string(splio.BrakeRows):
			factor, ok := strings.CutSuffix(value, "x")
			if b.Rows, err = strconv.ParseFloat(factor, 64); !ok || err != nil || !(b.Rows > 1 && b.Rows <= 1e9) {
				errs = append(errs, fmt.Errorf("-brake %q: how many times as many rows as usual: more than 1x, or off", part))
			}
		case limit == nil:
			errs = append(errs, fmt.Errorf("-brake %q is none of empty=off, shrunk, left, inserted, changed, rejected, column-changed, column-invalid and size, each =N%% or =off, rows=Nx or rows=off, and minimum=N", part))
		case value == "off":
			*limit = 1
		default:
			digits, ok := strings.CutSuffix(value, "%")
			n, err := strconv.ParseFloat(digits, 64)
			if !ok || err != nil || !(n > 0 && n <= 100) {
				errs = append(errs, fmt.Errorf("-brake %q: a limit is more than 0%% and up to 100%%, or off", part))
			}
			*limit = n / 100
		}
	}
	return b, errors.Join(errs...)
}
