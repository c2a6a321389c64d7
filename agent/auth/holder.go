// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package auth

import (
	"sync"

	"github.com/certagent/certagent/redact"
)

// holder holds the token in use, and whether it was refused. The goroutines that use the
// token and the one that replaces it share it.
type holder struct {
	mu      sync.Mutex
	token   redact.Secret
	invalid bool
	served  bool          // requests with it have succeeded
	signal  chan struct{} // has room for one; made when first used
}

// set replaces the token, and reports whether the new one differs.
func (h *holder) set(token redact.Secret) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	changed := h.token != token
	h.token, h.invalid, h.served = token, false, false
	return changed
}

// current returns the token in use; "" if there is none, or if it was refused.
func (h *holder) current() redact.Secret {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.invalid {
		return ""
	}
	return h.token
}

// invalidate marks a token as refused, if it is the one in use.
func (h *holder) invalidate(token redact.Secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if token == "" || token != h.token {
		return
	}
	h.invalid = true
	select {
	case h.channel() <- struct{}{}:
	default:
	}
}

// serve marks a token as one that serves requests, if it is the one in use.
func (h *holder) serve(token redact.Secret) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.served = h.served || token != "" && token == h.token
}

// hasServed reports whether the token in use has served requests.
func (h *holder) hasServed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.served
}

// refused returns a channel that is signalled when the token in use may have been marked.
func (h *holder) refused() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.channel()
}

// isInvalid reports whether the token in use is marked.
func (h *holder) isInvalid() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.invalid
}

func (h *holder) channel() chan struct{} {
	if h.signal == nil {
		h.signal = make(chan struct{}, 1)
	}
	return h.signal
}
