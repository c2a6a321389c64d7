// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package client

import (
	"sync"

	"github.com/certagent/certagent/redact"
)

const (
	// lasting is the length from which a secret is hidden in every text from then on.
	// Shorter ones, such as a role id that somebody has chosen, are words that messages
	// need; they are hidden in the answer to their request only.
	lasting = 16
	// mostKnown bounds the memory and the cost of hiding.
	mostKnown = 64
)

// Known is the secrets that requests have carried: tokens and credentials. Clients add
// to it, and hide them in what they return; the agent hides them in its log. The zero
// value is ready for use, by any number of goroutines; a nil Known knows nothing.
type Known struct {
	mu      sync.Mutex
	secrets []redact.Secret // the most recent last
	hider   *redact.Hider   // of them; nil if it has to be made again
}

// Add adds secrets. The least recent ones are forgotten.
func (k *Known) Add(secrets ...redact.Secret) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range secrets {
		if len(s) < lasting || len(k.secrets) > 0 && k.secrets[len(k.secrets)-1] == s {
			continue
		}
		k.add(s)
	}
}

func (k *Known) add(secret redact.Secret) {
	for i, s := range k.secrets {
		if s == secret { // it is the most recent one now
			copy(k.secrets[i:], k.secrets[i+1:])
			k.secrets[len(k.secrets)-1] = secret
			return
		}
	}
	if len(k.secrets) == mostKnown {
		k.secrets = append(k.secrets[:0], k.secrets[1:]...)
	}
	k.secrets = append(k.secrets, secret)
	k.hider = nil
}

// Hide returns the text with a mark in place of each secret.
func (k *Known) Hide(text string) string { return k.current().Hide(text) }

func (k *Known) current() redact.Hider {
	if k == nil {
		return redact.Hider{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.hider == nil {
		h := redact.NewHider(k.secrets)
		k.hider = &h
	}
	return *k.hider
}
