// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package jitter spreads what many hosts do over time: renewals that are due in the
// same hour begin at different moments, and on one host always at the same one.
//
// It is pure.
package jitter

import (
	"encoding/binary"
	"time"
)

// Draw returns the number in [0,1) that a hash stands for. The hash has at least 8
// bytes. Equal hashes give equal numbers, so that a restart changes nothing.
func Draw(sum []byte) float64 {
	return float64(binary.BigEndian.Uint64(sum)>>11) / (1 << 53)
}

// Part returns a fraction, at most 1, of a duration.
func Part(d time.Duration, fraction float64) time.Duration {
	if fraction >= 1 {
		return d
	}
	return time.Duration(float64(d) * fraction)
}
