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

// glance is how often a wait looks at the wall clock: the timers of a suspended
// machine stand still.
const glance = 30 * time.Second

// await waits until the time has come, for ever if it is zero, while a token is
// in use.
func (s *session) await(ctx context.Context, until time.Time) event {
	return s.waitFor(ctx, until, s.holder.refused(), s.ReauthOnNewCredentials)
}

// pause waits while there is no token, or none that works.
func (s *session) pause(ctx context.Context, d time.Duration) {
	s.waitFor(ctx, wallClock().Add(d), nil, true)
}

func (s *session) waitFor(ctx context.Context, until time.Time, refused <-chan struct{}, heedNews bool) event {
	news := s.NewCredentials
	begun, planned := time.Now(), time.Until(until)
	for {
		if ctx.Err() != nil {
			return ended
		}
		// Whichever clock gets there first: one of them may have been set back.
		if !until.IsZero() && (reached(until) || time.Since(begun) >= planned) {
			return elapsed
		}
		s.sign(nextGlance(until))
		timer := time.NewTimer(nextGlance(until))
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
			} else if heedNews && fingerprint(s.Method.Inputs()).changedSince(s.credentials) {
				return newCredentials
			}
		}
		timer.Stop()
	}
}

func nextGlance(until time.Time) time.Duration {
	if until.IsZero() {
		return math.MaxInt64
	}
	return min(glance, time.Until(until))
}

// wallClock is now, without the reading that stands still in suspension.
func wallClock() time.Time { return time.Now().Round(0) }

// reached reports whether a wall-clock time has come. The zero time never does.
func reached(t time.Time) bool { return !t.IsZero() && !wallClock().Before(t) }
