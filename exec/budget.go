// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import "time"

// stopReserve is what is kept of a supervisor's patience for killing what did
// not end in time, collecting it, and ending ourselves.
const stopReserve = time.Second

// BoundKillTimeout returns the kill time-out that fits the patience of the
// supervisor that stops us: Nomad's kill_timeout (5 s unless it is set), the 10 s of
// docker stop, systemd's TimeoutStopSec. It would kill us at the end of that, and the
// child with us, whatever we meant to grant it. A fifth of the patience, but at
// most a second, is kept back. A patience of 0 has no end.
func BoundKillTimeout(killTimeout, patience time.Duration) time.Duration {
	if patience <= 0 {
		return killTimeout
	}
	return min(killTimeout, patience-min(patience/5, stopReserve))
}
