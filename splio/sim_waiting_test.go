package splio_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spliosync/spliosync/splio"
)

// watch looks at the clock of a process. The clock stands still but for a process that
// awaits files of earlier plans, and for that it goes on at once.
type watch struct {
	waits    bool
	patience time.Duration // negative: it has no end
	every    time.Duration // Splio comes and takes what is there; 0 is never
	next     time.Time     // when it does

	began  time.Time
	since  time.Time // it waits
	at     time.Time // it has last looked, or done anything
	gap    time.Duration
	waited int
}

// process is another one, for a step.
func (s *simulation) process(step *simStep) *process {
	p := &process{disk: s.disk, line: s.line, step: step}
	p.watch = watch{waits: s.Waiting == splio.AwaitWaiting, patience: s.WaitFor, every: step.Takes}
	if p.watch.patience == 0 {
		p.watch.patience = time.Hour
	}
	if p.watch.patience < 0 && step.Stop == 0 && step.Takes == 0 { // or nothing would happen any more
		p.watch.every = 10 * time.Minute
	}
	p.watch.restart()
	return p
}

func (w *watch) restart() {
	now := time.Now()
	w.began, w.since, w.at, w.gap, w.next = now, now, now, 5*time.Second, now.Add(w.every)
}

// stopped has somebody lose patience with a process, unless that ends before.
func (p *process) stopped() (end func()) {
	if p.step.Stop == 0 {
		return func() {}
	}
	timer := time.AfterFunc(p.step.Stop, func() { p.cancel(errCancelled) })
	return func() { timer.Stop() }
}

// comes reports whether Splio has come since the last call of the line.
func (w *watch) comes() bool {
	now := time.Now()
	if w.every == 0 || now.Before(w.next) {
		return false
	}
	for !now.Before(w.next) {
		w.next = w.next.Add(w.every)
	}
	return true
}

// look is a look for a file: at once, or when one is due.
func (w *watch) look() error {
	now := time.Now()
	if now.Equal(w.at) {
		return nil
	}
	want := w.gap
	if w.patience > 0 {
		want = min(want, w.patience-w.at.Sub(w.since))
	}
	if took := now.Sub(w.at); !w.waits || took != want {
		return fmt.Errorf("it looked after %v, %v after it began to wait; the next look was due after %v", took, w.at.Sub(w.since), want)
	}
	w.at, w.gap = now, min(2*want, time.Minute)
	w.waited++
	return nil
}

// put is the sending of a file: when it begins, none of an earlier plan may be there
// unless that is to be reported alone.
func (w *watch) put(l *simLine, name, temp string) error {
	if now := time.Now(); !now.Equal(w.at) {
		return fmt.Errorf("%v passed before %s was sent", now.Sub(w.at), name)
	}
	w.since, w.gap = w.at, 5*time.Second
	plan, _ := strings.CutSuffix(temp, ".part")
	plan = plan[strings.LastIndexByte(plan, '.')+1:]
	l.plan[name] = plan
	if !l.alone {
		return nil
	}
	for _, other := range l.Names() {
		if of := l.plan[other]; of != "" && of != plan {
			return fmt.Errorf("%s was sent while %s of an earlier plan waits", name, other)
		}
	}
	return nil
}

// waited looks at how long a call took that has ended, and whether it has waited to the end.
func (s *simulation) waited(p *process, err error) error {
	w, now := &p.watch, time.Now()
	s.stats.waits += w.waited
	w.waited = 0
	s.line.sum = fmt.Appendf(s.line.sum, "%s after %v\n", p.step.Do, now.Sub(w.began))
	if !errors.Is(err, splio.ErrWaiting) {
		if !now.Equal(w.at) {
			return fmt.Errorf("%v passed after the last look", now.Sub(w.at))
		}
		return nil
	}
	if len(p.hits) == 0 && !slices.ContainsFunc(s.line.Names(), func(name string) bool { return !s.line.foreign[name] }) {
		return fmt.Errorf("nothing is there: %w", err)
	}
	switch full := now.Equal(w.at) && now.Sub(w.since) == w.patience; {
	case !w.waits && now.Equal(w.began):
	case w.waits && full && !errors.Is(err, errCancelled):
	case w.waits && errors.Is(err, errCancelled) && (now.Sub(w.began) == p.step.Stop || now.Equal(w.at)): // or it was before
	default:
		return fmt.Errorf("it has ended %v after it began to wait, the last look was before %v: %w", now.Sub(w.since), now.Sub(w.at), err)
	}
	return nil
}

// run is one without a fault.
func (s *simulation) run(step *simStep, p *process) (*splio.Report, error) {
	p.watch.restart()
	r, err := s.activation(step, p).Run(context.Background(), s.segment(step), caller{p})
	s.line.wrong = errors.Join(s.line.wrong, s.waited(p, err))
	return r, err
}
