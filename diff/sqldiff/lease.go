package sqldiff

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spliosync/spliosync/diff"
)

// newHolder names this store: the machine, the process, and a token.
func newHolder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s pid %d %s", host, os.Getpid(), strings.ToLower(rand.Text()[:8]))
}

// lock takes the lease when nobody has it, or who has it did not renew it.
func (s *Store) lock(ctx context.Context) error {
	st := s.stepState("take the lease")
	err := s.exec(ctx, st, s.sql("UPDATE ", s.stateTable(), " SET holder = ", param{s.holder}, ", leased = ", s.e.now,
		" WHERE scope = ", param{s.opts.Scope}, " AND leased + ", param{int64(s.opts.Lease / time.Second)}, " <= ", s.e.now))
	var holder string
	rerr := s.query(ctx, st, s.sql("SELECT holder FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}), &holder)
	switch {
	case rerr != nil:
		return errors.Join(err, rerr)
	case holder == s.holder:
		return nil
	case err != nil:
		return err
	case holder == "":
		holder = "another process that has just ended "
	}
	if i := strings.LastIndexByte(holder, ' '); i > 0 {
		holder = holder[:i]
	}
	return fmt.Errorf("sqldiff: scope %q: %w: %s holds the lease, which ends %v after its last sign of life", s.opts.Scope, diff.ErrLocked, holder, s.opts.Lease)
}

// renew keeps the lease until Close. When it could not for as long as the lease
// lasts, or when another store has it, all that this one does ends with ErrLease.
func (s *Store) renew() {
	ticker := time.NewTicker(s.opts.Lease / 3)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.alive.Done():
			return
		case <-ticker.C:
		}
		at := time.Now()
		lost, err := s.extend(s.alive)
		if s.alive.Err() != nil {
			return
		}
		if err == nil && !lost {
			last = at
		}
		if lost || time.Since(last) > s.opts.Lease {
			s.end(fmt.Errorf("sqldiff: %w", ErrLease))
			return
		}
	}
}

// extend renews the lease.
func (s *Store) extend(ctx context.Context) (lost bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.opts.Lease/3)
	defer cancel()
	s.row.Lock()
	defer s.row.Unlock()
	st := s.stepState("renew the lease")
	err = s.exec(ctx, st, s.sql("UPDATE ", s.stateTable(), " SET leased = ", s.e.now, " WHERE scope = ", param{s.opts.Scope}, " AND holder = ", param{s.holder}))
	if err != nil {
		return false, err
	}
	var holder string
	if err := s.query(ctx, st, s.sql("SELECT holder FROM ", s.stateTable(), " WHERE scope = ", param{s.opts.Scope}), &holder); err != nil {
		return false, err
	}
	return holder != s.holder, nil
}

// held makes sure that this store still has the lease: it is about to remove
// what runs of others have left.
func (s *Store) held(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	lost, err := s.extend(ctx)
	if lost {
		err = fmt.Errorf("sqldiff: %w", ErrLease)
	}
	return err
}

// usable reports why nothing can be done any more.
func (s *Store) usable(ctx context.Context) error {
	if s.alive.Err() != nil {
		return context.Cause(s.alive)
	}
	if err := context.Cause(ctx); err != nil {
		return fmt.Errorf("sqldiff: %w", err)
	}
	return nil
}
