package splio

import (
	"math"
	"slices"

	"github.com/spliosync/spliosync/diff"
)

// What the brakes compare with that look back at earlier runs. A mean is taken of
// whole weeks of daily runs: so a peak that comes once in seven runs is in it as
// often as it should, and is never seven times the mean, however high it is.
const (
	week      = 7    // delivered runs that are needed to compare with
	fewWeeks  = 4    // that are looked back at, at most
	fewRows   = 1000 // contacts that are new or have changed, up to which Rows says nothing,
	fewOfRead = 0.05 // and so much of the segment
)

// usual is what runs usually have.
type usual struct {
	runs          int // 0: too few to say
	read, changed int64
}

// usually takes the mean of the last delivered runs. Those of a part of the segment
// say nothing of it, and the first one is all new. What somebody has released is the
// new usual: nothing before it counts.
func usually(runs []RunRecord) (u usual) {
	var read, changed float64 // not integers: numbers from elsewhere may be of any size
	var last usual
	for _, r := range slices.Backward(runs) {
		if !r.Outcome.delivered() || r.Partial {
			continue
		}
		if !r.First {
			read += float64(r.Read)
			changed += float64(r.Changed)
			if u.runs++; u.runs%week == 0 {
				n := float64(u.runs)
				last = usual{u.runs, int64(math.Round(read / n)), int64(math.Round(changed / n))}
			}
		}
		if u.runs == fewWeeks*week || r.First || r.Released {
			break
		}
	}
	return last
}

// deviations reads the brakes that compare with earlier runs.
func (j *job) deviations(runs []RunRecord, report *Report, s *diff.Summary, changed, few int64, limits map[Brake]float64) (out []BrakeReading) {
	u := usually(runs)
	if s.First || j.Partial || u.runs == 0 {
		return nil
	}
	if u.read > 0 && u.read >= few {
		r := BrakeReading{Brake: BrakeSize, Count: report.Read, Total: u.read, Limit: limits[BrakeSize]}
		r.Share = math.Abs(float64(r.Count)-float64(r.Total)) / float64(r.Total)
		r.Hit = r.Share > r.Limit && r.Limit < 1
		out = append(out, r)
	}
	if n := s.New + changed; n > fewRows && float64(n) > fewOfRead*float64(report.Read) {
		r := BrakeReading{Brake: BrakeRows, Count: n, Total: max(u.changed, 1), Limit: limits[BrakeRows]}
		r.Share = float64(r.Count) / float64(r.Total)
		r.Hit = r.Share > r.Limit && r.Limit > 1
		out = append(out, r)
	}
	return out
}
