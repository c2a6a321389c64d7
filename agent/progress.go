// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"maps"
	"sync"
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

// milestone is reached once every member has passed it.
type milestone struct {
	mu      sync.Mutex
	waiting map[int]bool // by the members' indexes
	reached chan struct{}
}

func newMilestone(members int) *milestone {
	m := &milestone{waiting: make(map[int]bool, members), reached: make(chan struct{})}
	for i := range members {
		m.waiting[i] = true
	}
	if members == 0 {
		close(m.reached)
	}
	return m
}

// pass records that the members have passed; a member may pass more than once.
func (m *milestone) pass(indexes []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return
	}
	for _, index := range indexes {
		delete(m.waiting, index)
	}
	if len(m.waiting) == 0 {
		close(m.reached)
	}
}

// change removes members that no longer exist and adds others. A milestone that
// was reached stays reached.
func (m *milestone) change(gone, added []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.waiting) == 0 {
		return
	}
	for _, index := range gone {
		delete(m.waiting, index)
	}
	for _, index := range added {
		m.waiting[index] = true
	}
	if len(m.waiting) == 0 {
		close(m.reached)
	}
}

// missing returns the members that have not passed.
func (m *milestone) missing() map[int]bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.waiting)
}

func (p *progress) change(gone, added []int) {
	for _, m := range []*milestone{p.published, p.ready, p.settled} {
		m.change(gone, added)
	}
}

// Published, Ready and Settled implement bundle.Progress.
func (p *progress) Published(indexes []int) { p.published.pass(indexes) }
func (p *progress) Ready(indexes []int)     { p.ready.pass(indexes) }
func (p *progress) Settled(indexes []int)   { p.settled.pass(indexes) }
