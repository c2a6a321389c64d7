// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"context"
	"math"
	"time"
)

// event is what ends a wait.
type event int

const (
	elapsed event = iota
	ended
	invalidated
	newCredentials
)

// recheck is how often a wait checks the wall clock: timers do not run while the
// machine is suspended.
const recheck = 30 * time.Second

// await waits, while a token is in use, until the given time; for ever if it is zero.
func (s *session) await(ctx context.Context, until time.Time) event {
	return s.waitFor(ctx, until, s.holder.refused(), s.ReauthOnNewCredentials)
}

// pause waits while there is no valid token.
func (s *session) pause(ctx context.Context, d time.Duration) {
	s.waitFor(ctx, wallClock().Add(d), nil, true)
}

func (s *session) waitFor(ctx context.Context, until time.Time, refused <-chan struct{}, wakeOnNews bool) event {
	news := s.NewCredentials
	begun, planned := time.Now(), time.Until(until)
	for {
		if ctx.Err() != nil {
			return ended
		}
		// Whichever clock comes first: the wall clock may have been set back.
		if !until.IsZero() && (reached(until) || time.Since(begun) >= planned) {
			return elapsed
		}
		s.beat(nextCheck(until))
		timer := time.NewTimer(nextCheck(until))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-refused:
			if s.holder.isInvalid() {
				return invalidated
			}
		case _, open := <-news:
			if !open {
				news = nil
			} else if wakeOnNews && fingerprint(s.Method.Inputs()).changedSince(s.credentials) {
				return newCredentials
			}
		}
		timer.Stop()
	}
}

func nextCheck(until time.Time) time.Duration {
	if until.IsZero() {
		return math.MaxInt64
	}
	return min(recheck, time.Until(until))
}

// wallClock returns the time without the monotonic clock, which does not run while the
// machine is suspended.
func wallClock() time.Time { return time.Now().Round(0) }

// reached reports whether a wall-clock time has come. The zero time never does.
func reached(t time.Time) bool { return !t.IsZero() && !wallClock().Before(t) }
