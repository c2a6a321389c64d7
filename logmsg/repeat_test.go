// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package logmsg_test

import (
	"testing"

	"github.com/certagent/certagent/logmsg"
)

func TestRepeat(t *testing.T) {
	for attempt, want := range map[int]struct {
		logged  bool
		leftOut int
	}{
		-1: {}, 0: {}, 1: {true, 0}, 2: {true, 0}, 3: {}, 4: {true, 1}, 5: {}, 6: {}, 7: {}, 8: {true, 3}, 1024: {true, 511}, 1025: {},
	} {
		if logged, leftOut := logmsg.Repeat(attempt); logged != want.logged || leftOut != want.leftOut {
			t.Errorf("Repeat(%d) = %v, %d; want %+v", attempt, logged, leftOut, want)
		}
	}
}

// What is logged and what is said to be left out is all that there was.
func TestRepeatCountsEveryFailure(t *testing.T) {
	counted := 0
	for attempt := 1; attempt <= 1<<12; attempt++ {
		if logged, leftOut := logmsg.Repeat(attempt); logged {
			if counted += 1 + leftOut; counted != attempt {
				t.Fatalf("at attempt %d, %d are accounted for", attempt, counted)
			}
		}
	}
}
