// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package secrets

import "sync"

// mailbox carries calls to the loop. Posting never blocks, whether the loop runs or not,
// so that no caller waits for another.
type mailbox struct {
	ready chan struct{} // one slot: there is something to take

	mu     sync.Mutex
	queue  []func(*loop)
	closed bool
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

// post makes the loop run f. It does nothing after the loop has ended.
func (m *mailbox) post(f func(*loop)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.queue = append(m.queue, f)
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *mailbox) take() []func(*loop) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queue := m.queue
	m.queue = nil
	return queue
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.queue = true, nil
}
