// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import (
	"sync"

	"github.com/certagent/certagent/vaultreq"
)

// board holds the current answers and errors, for readers in other goroutines. Only the
// loop writes to it, and it replaces values instead of changing them.
type board struct {
	mu    sync.RWMutex
	known map[vaultreq.Request]known
}

// known is an answer, the failure of the last attempt, or both.
type known struct {
	answer *Answer
	err    *Error
}

func newBoard() *board { return &board{known: make(map[vaultreq.Request]known)} }

func (b *board) get(r vaultreq.Request) known {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.known[r]
}

func (b *board) set(r vaultreq.Request, k known) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.known[r] = k
}

func (b *board) remove(r vaultreq.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.known, r)
}
