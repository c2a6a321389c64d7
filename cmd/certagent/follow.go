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
	// statusPause is how long to wait after a change, so that several changes make
	// one status.
	statusPause = 100 * time.Millisecond
	// statusInterval is how often the status is sent without a change: parts of it
	// depend on the time.
	statusInterval = 5 * time.Second
	// startExtension is by how much the start time-out is extended, at each
	// statusInterval, while the start waits for Vault only.
	startExtension = 3 * statusInterval
	// longestExtension is for how long the start time-out is extended. That is enough
	// for a Vault that restarts and is unsealed. After it the start fails, unless the
	// unit allows more time, so that monitoring of failed units notices.
	longestExtension = 10 * time.Minute
)

// handle is the part of agent.Handle that follow uses.
type handle interface {
	Alive(context.Context) error
	Status() status.Agent
	Changed() <-chan struct{}
}

// follow reports the state of a running agent to systemd, until close.
func (n *notifier) follow(h handle) {
	if n.send == nil {
		return
	}
	n.followers.Go(func() { n.followStatus(h) })
	if n.watchdog > 0 {
		n.followers.Go(func() { n.feedWatchdog(h) })
	}
}

// followStatus sends the status when it changes, and extends the start time-out while
// the agent waits for Vault.
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

// feedWatchdog sends WATCHDOG=1 at half of the watchdog's time-out while all loops of
// the agent respond. While one does not, it sends nothing, and systemd restarts the
// service.
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
			n.logger.Error(logmsg.HeartbeatWithheld, logkey.Error, err)
			last = err.Error()
		}
	}
}
