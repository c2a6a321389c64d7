// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"time"

	"github.com/certagent/certagent/backoff"
)

// clientRetries is how long, at most, the client of Vault Agent spends on its own two
// retries of each request that fails for the network, or with 5xx, 412 or 429: up to
// 1.5 s before the first and 3 s before the second.
const clientRetries = 4500 * time.Millisecond

// Patience returns how long requests of a class have to fail in a row until Vault Agent
// gives up with exit_on_retry_failure: the sum of the delays of its vault.retry and, in
// an outage, of its client. The number of attempts meanwhile does not matter.
func (s *Store) Patience(c Class) time.Duration {
	retries := max(s.config.Retries, 0)
	sum := backoff.Doubled(s.config.MinBackoff, s.config.MaxBackoff, retries)
	if c == Transient || c == InvalidToken || c == WrongClock { // what a new login heals is borne as long
		sum += time.Duration(retries+1) * clientRetries
	}
	return sum
}
