package mapping_test

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spliosync/spliosync/mapping"
)

// rounded is what math/big makes of an exact number, halves away from zero.
func rounded(t *testing.T, exact string, places int) string {
	t.Helper()
	r, ok := new(big.Rat).SetString(exact)
	if !ok {
		t.Fatalf("math/big does not read %q", exact)
	}
	s := r.FloatString(places)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-") // there is no negative zero
	}
	return s
}

func TestDecimalsAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("0123456789559"[r.IntN(13)]) // many halves and carries
		}
		return b.String()
	}
	for _, places := range []int{0, 1, 2, 5, 9} {
		m := three(t, mapping.Field{Type: mapping.Decimal, Places: new(places)}, mapping.Options{})
		for range 2000 {
			exact := []string{"", "-", "+"}[r.IntN(3)] + digits(1+r.IntN(29)) + "." + digits(1+r.IntN(25))
			want := rounded(t, exact, places)
			for _, v := range []mapping.Value{mapping.StringValue(exact), mapping.DecimalValue(exact)} {
				if got, report := cellOf(m, v); got != want || report != "" {
					t.Errorf("%d places of %s: %s (%s), want %s", places, exact, got, report, want)
				}
			}
			f := math.Float64frombits(r.Uint64())
			if math.Abs(f) > 1e29 || math.Abs(f) < 1e-300 || math.IsNaN(f) {
				f = r.NormFloat64() * 1e6
			}
			if got, report := cellOf(m, mapping.FloatValue(f)); got != rounded(t, strconv.FormatFloat(f, 'f', -1, 64), places) || report != "" {
				t.Errorf("%d places of the float %v: %s (%s)", places, f, got, report)
			}
		}
	}
	// What a float prints as is what counts, so that there is no noise in the last places.
	m := three(t, mapping.Field{Type: mapping.Decimal, Places: new(9)}, mapping.Options{})
	text := three(t, mapping.Field{}, mapping.Options{})
	for f, want := range map[float64][2]string{0.1: {"0.100000000", "0.1"}, 1.2100000000000002: {"1.210000000", "1.2100000000000002"}, 123456789.123: {"123456789.123000000", "123456789.123"}, 1e22: {"10000000000000000000000.000000000", "10000000000000000000000"}} {
		got, _ := cellOf(m, mapping.FloatValue(f))
		plain, _ := cellOf(text, mapping.FloatValue(f))
		if got != want[0] || plain != want[1] {
			t.Errorf("%v: %s and %s, want %s", f, got, plain, want)
		}
	}
}

func TestIntegersAreExact(t *testing.T) {
	m := three(t, mapping.Field{Type: mapping.Integer}, mapping.Options{})
	r := rand.New(rand.NewPCG(9, 10))
	for range 2000 {
		n := new(big.Int)
		for range 1 + r.IntN(30) {
			n.Add(n.Mul(n, big.NewInt(10)), big.NewInt(int64(r.IntN(10))))
		}
		if r.IntN(2) == 0 {
			n.Neg(n)
		}
		for _, text := range []string{n.String(), n.String() + ".0", " " + n.String() + "."} {
			if got, report := cellOf(m, mapping.StringValue(text)); got != n.String() || report != "" {
				t.Errorf("%q: %s (%s)", text, got, report)
			}
		}
	}
}

// The zones are those compiled in, whatever the machine says of itself.
func TestZonesDoNotDependOnTheMachine(t *testing.T) {
	if os.Getenv("MAPPING_TEST_ZONE") != "" {
		m := three(t, mapping.Field{Type: mapping.DateTime}, mapping.Options{})
		cell, report := cellOf(m, mapping.DateTimeValue(time.Unix(1720000000, 0)))
		text, _ := cellOf(m, mapping.StringValue("2024-07-03 12:00:00"))
		fmt.Printf("zone: %s %s %s\n", cell, text, report)
		return
	}
	for _, env := range [][]string{{"TZ=UTC"}, {"TZ=Asia/Tokyo"}, {"TZ=Nowhere/Land"}, {"TZ=:/dev/null"}, {"TZ=", "ZONEINFO=/nonexistent"}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestZonesDoNotDependOnTheMachine$")
		for _, e := range os.Environ() {
			if !strings.HasPrefix(e, "ZONEINFO=") && !strings.HasPrefix(e, "TZ=") {
				cmd.Env = append(cmd.Env, e)
			}
		}
		cmd.Env = append(append(cmd.Env, env...), "MAPPING_TEST_ZONE=1")
		out, err := cmd.CombinedOutput()
		if want := "zone: 2024-07-03 11:46:40 2024-07-03 12:00:00 \n"; err != nil || !strings.Contains(string(out), want) {
			t.Errorf("with %q: %v\n%s", env, err, out)
		}
	}
}
