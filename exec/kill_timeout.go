// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import "time"

// stopReserve is the part of the supervisor's stop timeout that is reserved for
// killing the child, reaping it, and exiting.
const stopReserve = time.Second

// BoundKillTimeout returns the kill timeout that fits into the stop timeout of the
// supervisor that runs certagent, such as Nomad's kill_timeout (5 s by default), the
// 10 s of docker stop, or systemd's TimeoutStopSec. When it expires, the supervisor
// kills certagent, and the child dies with it. A fifth of the stop timeout, but at
// most one second, is kept in reserve. A stop timeout of 0 means none.
func BoundKillTimeout(killTimeout, stopTimeout time.Duration) time.Duration {
	if stopTimeout <= 0 {
		return killTimeout
	}
	return min(killTimeout, stopTimeout-min(stopTimeout/5, stopReserve))
}
