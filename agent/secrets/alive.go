// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import "context"

// Alive returns nil when the loop responds or has ended, and the error of the context if
// that ends first. Before Run it waits.
func (s *Store) Alive(ctx context.Context) error {
	alive := make(chan struct{})
	s.mail.post(func(*loop) { close(alive) })
	select {
	case <-alive:
	case <-s.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
