// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"time"

	"github.com/certagent/certagent/agent/status"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

const (
	// statusPause is how long to wait, after a change and at first, for what else
	// changes.
	statusPause = 100 * time.Millisecond
	// statusInterval is how often to look without one: some of the status is a
	// matter of time.
	statusInterval = 5 * time.Second
	// startExtension is how much more time to ask for, each statusInterval, while
	// only Vault keeps the start from ending.
	startExtension = 3 * statusInterval
	// longestExtension is how long to ask for more time. That is enough for a Vault
	// that restarts and is unsealed; then the start fails after all (unless the unit
	// grants it more), so that whoever watches failed units comes to know of it.
	longestExtension = 10 * time.Minute
)

// handle is what an agent.Handle tells.
type handle interface {
	Alive(context.Context) error
	Status() status.Agent
	Changed() <-chan struct{}
}

// follow keeps systemd informed of a running agent, until close.
func (n *notifier) follow(h handle) {
	if n.send == nil {
		return
	}
	n.followers.Go(func() { n.followStatus(h) })
	if n.watchdog > 0 {
		n.followers.Go(func() { n.feedWatchdog(h) })
	}
}

// followStatus tells the status when it changes, and asks for time while the agent
// waits for Vault at its start.
func (n *notifier) followStatus(h handle) {
	ticker := time.NewTicker(statusInterval)
	defer ticker.Stop()
	begun := time.Now()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-time.After(statusPause):
		}
		n.setStatus(h.Status().Line(time.Now()))
		select {
		case <-n.ctx.Done():
			return
		case <-h.Changed():
		case <-ticker.C:
			if time.Since(begun) < longestExtension && h.Status().AwaitsVault() {
				n.extend(startExtension)
			}
		}
	}
}

// feedWatchdog tells systemd's watchdog at half of its time that the agent's loops
// are alive. While one of them is not it says nothing: systemd ends us then.
func (n *notifier) feedWatchdog(h handle) {
	interval := n.watchdog / 2
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	last := ""
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-ticker.C:
		}
		ctx, cancel := context.WithTimeout(n.ctx, interval)
		err := h.Alive(ctx)
		cancel()
		switch {
		case n.ctx.Err() != nil:
			return
		case err == nil:
			n.alive()
			last = ""
		case err.Error() != last:
			n.logger.Error(logmsg.WatchdogStopped, logkey.Error, err)
			last = err.Error()
		}
	}
}
