// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"sync"
	"time"
)

// progress holds the milestones of the members: published, so that the children
// may start; ready, which is published and, where verify is set, served; settled,
// with no change pending, so that a one-shot run may end.
type progress struct {
	published, ready, settled *milestone
}

func newProgress(members int) *progress {
	return &progress{published: newMilestone(members), ready: newMilestone(members), settled: newMilestone(members)}
}

// counted is whether a member has passed a milestone, and until when that counts; zero
// for ever.
type counted struct {
	passed bool
	until  time.Time
}

// good reports whether the member counts now.
func (c counted) good(now time.Time) bool {
	return c.passed && (c.until.IsZero() || now.Before(c.until))
}

// milestone is reached once every member has passed it, and none of their
// certificates has ended.
type milestone struct {
	mu      sync.Mutex
	members map[int]counted // by their indexes; nil once it is reached
	reached chan struct{}
}

func newMilestone(members int) *milestone {
	m := &milestone{members: make(map[int]counted, members), reached: make(chan struct{})}
	for i := range members {
		m.members[i] = counted{}
	}
	m.judge()
	return m
}

// pass records that the members have passed, and until when that counts; a member may
// pass more than once.
func (m *milestone) pass(indexes []int, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.members == nil {
		return
	}
	for _, index := range indexes {
		if _, known := m.members[index]; known {
			m.members[index] = counted{true, until}
		}
	}
	m.judge()
}

// judge ends the wait if nothing is left to wait for. The caller holds the lock.
func (m *milestone) judge() {
	now := time.Now().Round(0)
	for _, c := range m.members {
		if !c.good(now) {
			return
		}
	}
	m.members = nil
	close(m.reached)
}

// change removes members that no longer exist and adds others. A milestone that
// was reached stays reached.
func (m *milestone) change(gone, added []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.members == nil {
		return
	}
	for _, index := range gone {
		delete(m.members, index)
	}
	for _, index := range added {
		m.members[index] = counted{}
	}
	m.judge()
}

// missing returns the members that have not passed, or whose certificates have ended.
func (m *milestone) missing() map[int]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	missing := make(map[int]bool)
	now := time.Now().Round(0)
	for index, c := range m.members {
		if !c.good(now) {
			missing[index] = true
		}
	}
	return missing
}

func (p *progress) change(gone, added []int) {
	for _, m := range []*milestone{p.published, p.ready, p.settled} {
		m.change(gone, added)
	}
}

// Published, Ready and Settled implement bundle.Progress.
func (p *progress) Published(indexes []int, until time.Time) { p.published.pass(indexes, until) }
func (p *progress) Ready(indexes []int, until time.Time)     { p.ready.pass(indexes, until) }
func (p *progress) Settled(indexes []int, until time.Time)   { p.settled.pass(indexes, until) }
