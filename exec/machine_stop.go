// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"syscall"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// A process stops in these steps: it gets the stop signal, unless it exits by itself;
// it exits; the processes left in its group get the stop signal; the group is empty;
// the process is reaped. If KillTimeout expires before that, the group is killed.

func (m *machine) requestStop() {
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

// sendStop ignores errors: a process that has exited needs no signal, and one that must
// not be signalled is reported when it is killed.
func (m *machine) sendStop(to target) {
	if m.StopSignal != 0 {
		_ = m.proc.Signal(to, m.StopSignal)
		_ = m.proc.Signal(group, syscall.SIGCONT) // a suspended process handles no other signal
	}
}

func (m *machine) handleLeaderExit() {
	m.ended = nil
	m.lived = time.Since(m.began)
	m.unasked = !m.ending
	m.ending = true
	if !m.proc.GroupHasOthers() {
		m.finish()
		return
	}
	m.groupPoll = time.After(groupPollInterval)
	if m.killed {
		return
	}
	m.Logger.Info(logmsg.ChildGroupLeft, logkey.Command, CommandLine(m.Command), logkey.PID, m.proc.PID())
	if m.unasked || !m.StopGroup {
		m.sendStop(group)
	}
	if m.deadline == nil {
		m.deadline = time.After(m.KillTimeout)
	}
}

func (m *machine) pollGroup() {
	if !m.proc.GroupHasOthers() {
		m.finish()
		return
	}
	m.groupPoll = time.After(groupPollInterval)
}

func (m *machine) handleDeadline() {
	switch {
	case !m.killed:
		m.Logger.Warn(logmsg.ChildKilled, logkey.Command, CommandLine(m.Command),
			logkey.PID, m.proc.PID(), logkey.Duration, m.KillTimeout)
		m.kill()
	case m.ended == nil:
		// A process of the group is blocked in the kernel, for example in a read from a
		// file server that does not answer. It dies when the call returns.
		m.Logger.Warn(logmsg.ChildGroupStuck, logkey.PID, m.proc.PID())
		m.finish()
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
	m.deadline = time.After(killTimeoutAfterKill)
}

// finish reaps the process and reports its exit.
func (m *machine) finish() {
	// This kills a process that was forked while /proc was being read. It must come
	// before Reap, after which the kernel may reuse the number.
	_ = m.proc.Signal(group, syscall.SIGKILL)
	proc, pid, alone, next := m.proc, m.proc.PID(), m.unasked, m.next
	m.last = m.proc.Reap()
	m.last.Lived = m.lived
	m.proc, m.next = nil, nil
	m.ending, m.unasked, m.killed = false, false, false
	m.deadline, m.groupPoll = nil, nil

	m.Logger.Info(logmsg.ChildExited, logkey.Command, CommandLine(m.Command), logkey.PID, pid, logkey.Code, m.last.Code)
	switch {
	case m.final:
	case next != nil:
		err := m.launch(next.env)
		m.restartFailed = err != nil
		next.answer(err)
	case alone:
		exit := m.last
		exit.proc = proc
		m.pendingExit = &exit
	}
}
