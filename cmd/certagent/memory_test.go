// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestMemoryIsSavedUnlessGOGCSays(t *testing.T) {
	for _, c := range []struct {
		gogc string
		want int
	}{{"", gcPercent}, {"200", 100}} {
		t.Run("GOGC="+c.gogc, func(t *testing.T) {
			t.Setenv("GOGC", c.gogc)
			before := debug.SetGCPercent(100)
			defer debug.SetGCPercent(before)
			saveMemory()
			if got := debug.SetGCPercent(100); got != c.want {
				t.Errorf("the heap may grow by %d %%, want %d", got, c.want)
			}
		})
	}
}
