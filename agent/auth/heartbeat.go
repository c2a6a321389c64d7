// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"math"
	"time"
)

// mostRequests is how many requests the longest login makes: that of AppRole with a
// wrapped secret ID.
const mostRequests = 3

// beat calls Heartbeat with the time until the next call.
func (s *session) beat(within time.Duration) {
	if s.Heartbeat == nil {
		return
	}
	if within == math.MaxInt64 {
		within = 0
	}
	s.Heartbeat(within)
}

// beatForRequests calls Heartbeat with the longest time that a login or a renewal takes.
func (s *session) beatForRequests() { s.beat(mostRequests * s.client.ClientTimeout()) }
