// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"math"
	"time"
)

// mostRequests is how many requests the longest login makes: an AppRole's with a
// secret id that is wrapped.
const mostRequests = 3

// sign gives a sign of life.
func (s *session) sign(within time.Duration) {
	if s.Sign == nil {
		return
	}
	if within == math.MaxInt64 {
		within = 0
	}
	s.Sign(within)
}

// signRequests gives one for as long as a login or a renewal may take.
func (s *session) signRequests() { s.sign(mostRequests * s.client.ClientTimeout()) }
