// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package jitter_test

import (
	"math"
	"testing"
	"time"

	"github.com/certagent/certagent/jitter"
)

func TestPart(t *testing.T) {
	t.Parallel()
	const longest = time.Duration(math.MaxInt64)
	for _, c := range []struct {
		d        time.Duration
		fraction float64
		want     time.Duration
	}{
		{time.Hour, 0, 0}, {time.Hour, 0.5, 30 * time.Minute}, {longest, 1, longest}, {longest - 1, 1, longest - 1}, {longest, 2, longest}, {time.Hour, 1.5, time.Hour},
	} {
		if got := jitter.Part(c.d, c.fraction); got != c.want {
			t.Errorf("%v of %d: %d, want %d", c.fraction, c.d, got, c.want)
		}
	}
}

func TestDraw(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sum  []byte
		want float64
	}{
		{make([]byte, 8), 0},
		{[]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0xff}, 0.5},
		{[]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 1 - 1.0/(1<<53)},
	} {
		if got := jitter.Draw(c.sum); got != c.want {
			t.Errorf("%x: %v, want %v", c.sum, got, c.want)
		}
	}
}
