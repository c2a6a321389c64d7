// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"syscall"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// How a process ends, in this order: it is asked to, unless it went by itself;
// it ends; what it left in its group is asked to end; the group is empty; it is
// reaped. When the patience ends before that, the whole group is killed.

func (m *machine) askToEnd() {
	if m.ending {
		return
	}
	m.ending = true
	m.Logger.Info(logmsg.ChildStopping, logkey.Command, CommandLine(m.Command), logkey.PID, m.proc.PID(),
		logkey.Signal, SignalName(m.StopSignal))
	to := leader
	if m.StopGroup {
		to = group
	}
	m.sendStop(to)
	m.deadline = time.After(m.KillTimeout)
}

// sendStop has no use for an error: a process that is gone needs no signal, and
// one that may not be signalled is met again when it is killed.
func (m *machine) sendStop(to target) {
	if m.StopSignal != 0 {
		_ = m.proc.Signal(to, m.StopSignal)
		_ = m.proc.Signal(group, syscall.SIGCONT) // who is stopped gets no other signal
	}
}

func (m *machine) leaderEnded() {
	m.ended = nil
	m.lived = time.Since(m.began)
	m.alone = !m.ending
	m.ending = true
	if !m.proc.Company() {
		m.gone()
		return
	}
	m.look = time.After(lookInterval)
	if m.killed {
		return
	}
	m.Logger.Info(logmsg.ChildGroupLeft, logkey.Command, CommandLine(m.Command), logkey.PID, m.proc.PID())
	if m.alone || !m.StopGroup {
		m.sendStop(group)
	}
	if m.deadline == nil {
		m.deadline = time.After(m.KillTimeout)
	}
}

func (m *machine) lookForOthers() {
	if !m.proc.Company() {
		m.gone()
		return
	}
	m.look = time.After(lookInterval)
}

func (m *machine) deadlinePassed() {
	switch {
	case !m.killed:
		m.Logger.Warn(logmsg.ChildKilled, logkey.Command, CommandLine(m.Command),
			logkey.PID, m.proc.PID(), logkey.Duration, m.KillTimeout)
		m.kill()
	case m.ended == nil:
		// The kernel holds on to a process of the group, for example in a
		// read from a dead file server. It dies when the kernel lets go.
		m.Logger.Warn(logmsg.ChildGroupStuck, logkey.PID, m.proc.PID())
		m.gone()
	default:
		m.Logger.Error(logmsg.ChildStuck, logkey.Command, CommandLine(m.Command), logkey.PID, m.proc.PID())
		m.deadline = nil
	}
}

func (m *machine) kill() {
	if m.proc == nil || m.killed {
		return
	}
	m.killed = true
	if err := m.proc.Signal(group, syscall.SIGKILL); err != nil {
		m.Logger.Error(logmsg.ChildNotKilled, logkey.PID, m.proc.PID(), logkey.Error, err)
	}
	m.deadline = time.After(afterKill)
}

// gone closes the account of a process that has ended.
func (m *machine) gone() {
	// For a process that was forked while the group was being looked at. It
	// must come before the reaping, after which the number is up for reuse.
	_ = m.proc.Signal(group, syscall.SIGKILL)
	pid, alone, next := m.proc.PID(), m.alone, m.next
	m.last = m.proc.Reap()
	m.last.Lived = m.lived
	m.proc, m.next = nil, nil
	m.ending, m.alone, m.killed = false, false, false
	m.deadline, m.look = nil, nil

	m.Logger.Info(logmsg.ChildExited, logkey.Command, CommandLine(m.Command), logkey.PID, pid, logkey.Code, m.last.Code)
	switch {
	case m.final:
	case next != nil:
		err := m.launch(next.env)
		m.unstarted = err != nil
		next.answer(err)
	case alone:
		exit := m.last
		m.unclaimed = &exit
	}
}
