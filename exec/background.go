// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// A child that goes into the background ends with 0 and leaves a process behind that has
// a session of its own: nobody would signal, restart or stop that one. This process sees
// it if orphans go to it (see SetSubreaper). What commands leave behind is meant to stay.

const (
	// backgroundWithin is how soon a program goes into the background. One that ran for
	// longer and then ends with 0 has done its work.
	backgroundWithin = 2 * time.Minute
	// detaching is how long a process that was left behind may take to leave the group
	// of its parent.
	detaching = 20 * time.Millisecond
)

// commandsRun knows which orphans commands have left. Those of a command that still runs
// cannot be told from those of a child.
type commandsRun struct {
	mu      sync.Mutex
	running map[*int64]bool // when they started, in ticks since boot
	left    map[int]int64   // by their numbers, when they started
}

var commands commandsRun

func ticksNow() int64 {
	now, err := sinceBoot()
	if err != nil {
		return 0
	}
	return int64(now / tick)
}

// begin notes the beginning of a command, and returns what notes its end.
func (c *commandsRun) begin() (end func()) {
	if !adopts() {
		return func() {}
	}
	started := ticksNow()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running == nil {
		c.running, c.left = make(map[*int64]bool), make(map[int]int64)
	}
	c.running[&started] = true
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.running, &started)
		found := make(map[int]int64)
		for pid, s := range orphans() {
			if s.start >= started || c.left[pid] == s.start {
				found[pid] = s.start
			}
		}
		c.left = found
	}
}

// leftBy returns the orphans that a child which started then may have left.
func (c *commandsRun) leftBy(started int64) map[int]stat {
	all := orphans()
	c.mu.Lock()
	defer c.mu.Unlock()
	for pid, s := range all {
		begun := s.start >= started
		for since := range c.running {
			begun = begun && s.start < *since
		}
		if at, is := c.left[pid]; !begun || is && at == s.start {
			delete(all, pid)
		}
	}
	return all
}

// adopts reports whether orphans become children of this process.
func adopts() bool { return isInit() || isSubreaper() }

// orphans returns the living children of this process that it has not started.
func orphans() map[int]stat {
	found := make(map[int]stat)
	if !adopts() {
		return found
	}
	ownChildren.starting.Lock() // or one that is being started would count
	defer ownChildren.starting.Unlock()
	for _, pid := range childPIDs() {
		if ownChildren.has(pid) {
			continue
		}
		if s, err := readStat(pid); err == nil && s.alive() {
			found[pid] = s
		}
	}
	return found
}

// Left returns the processes that the process, which has ended, has left behind.
func (p *osProcess) Left() map[int]stat { return commands.leftBy(p.started) }

// awaitDetached gives the processes that were left behind the time to leave the group.
func (p *osProcess) awaitDetached() {
	if adopts() && p.GroupHasOthers() {
		time.Sleep(detaching)
	}
}

// wentIntoBackground reports whether an exit looks like that of a program which has gone
// into the background.
func (e Exit) wentIntoBackground() bool {
	return e.proc != nil && e.Code == 0 && e.Err == nil && e.Lived < backgroundWithin
}

// endBackground ends what a child has left in the background: nobody would reload or stop
// it. It returns the exit that counts, which is a failure.
func (s *Supervisor) endBackground(ctx context.Context, e Exit) Exit {
	left := e.proc.Left()
	if len(left) == 0 {
		return e
	}
	var names []string
	for pid, at := range left {
		names = append(names, fmt.Sprintf("%d (%s)", pid, at.name))
	}
	s.cfg.Logger.Error(logmsg.ChildInBackground, logkey.Command, CommandLine(s.cfg.Command), logkey.PID, e.proc.PID(),
		logkey.Processes, strings.Join(names, ", "),
		logkey.Hint, `run the program in the foreground, such as nginx -g "daemon off;"; if it is not meant to be supervised, start it elsewhere`)
	sig := s.cfg.StopSignal
	if sig == 0 {
		sig = syscall.SIGTERM
	}
	signalAll(left, sig)
	deadline := time.After(s.cfg.KillTimeout)
	poll := time.NewTicker(groupPollInterval)
	defer poll.Stop()
	var killed time.Time
	for {
		select {
		case <-poll.C:
		case <-deadline:
			killed, deadline = time.Now(), nil
		case <-ctx.Done():
			killed, deadline, ctx = time.Now(), nil, context.Background()
		}
		left = e.proc.Left()
		if len(left) == 0 || !killed.IsZero() && time.Since(killed) > killTimeoutAfterKill {
			return Exit{Code: 1, Lived: e.Lived}
		}
		if !killed.IsZero() {
			signalAll(left, syscall.SIGKILL)
		}
	}
}

// signalAll signals processes, and the groups that they lead.
func signalAll(all map[int]stat, sig syscall.Signal) {
	for pid, s := range all {
		if s.group == pid {
			_ = syscall.Kill(-pid, sig)
		} else {
			_ = syscall.Kill(pid, sig)
		}
	}
}
