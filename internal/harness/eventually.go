// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"testing"
	"time"
)

// Patience is how long a test waits for something that must happen. It is that
// long because machines that run tests are busy at times.
const Patience = 2 * time.Minute

// poll is how often a condition is checked.
const poll = 10 * time.Millisecond

// Eventually waits until the condition holds. The test ends if it does not within
// Patience.
func Eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !Await(holds) {
		t.Fatalf("never: %s", what)
	}
}

// Await waits until the condition holds, and reports whether it does within
// Patience.
func Await(holds func() bool) bool {
	for deadline := time.Now().Add(Patience); !holds(); time.Sleep(poll) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
