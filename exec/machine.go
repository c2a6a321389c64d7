// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

const (
	groupPollInterval    = 25 * time.Millisecond // how often a group is checked until it is empty
	killTimeoutAfterKill = 5 * time.Second       // how long killed processes may take to exit
)

type op int

const (
	opStart op = iota
	opRestart
	opSignal
	opTell
	opRunning
	opStop
	opKill
)

type request struct {
	op    op
	env   []string
	sig   syscall.Signal
	to    target      // of sig
	reply chan answer // has room for one answer
}

type answer struct {
	running bool
	err     error
}

// machine is the state of a child. It is owned by the child's goroutine.
//
// There is no process (proc is nil), or it is running, or it is ending: from the stop
// signal, or from its exit, until its process group is empty. A nil channel belongs to
// an event that is not possible in this state.
type machine struct {
	ChildConfig
	start starter

	proc    process
	began   time.Time
	lived   time.Duration   // set when it has exited
	ended   <-chan struct{} // closed when the process has exited; nil after that
	ending  bool
	unasked bool // it exited without a request
	killed  bool

	deadline  <-chan time.Time // when the group is killed
	groupPoll <-chan time.Time // when to check the group again

	next          *restart      // to start when proc has been reaped
	stops         []chan answer // replies to Stop and Kill
	final         bool          // after Stop or Kill
	restartFailed bool          // a restart stopped the process but could not start the next one
	last          Exit
	pendingExit   *Exit // to be delivered by Exited
}

type restart struct {
	env     []string
	waiting []chan answer
}

func (m *machine) finished() bool { return m.final && m.proc == nil }

// offeredExit returns the exit that Exited delivers.
func (m *machine) offeredExit() Exit {
	if m.pendingExit == nil {
		return Exit{}
	}
	return *m.pendingExit
}

func (m *machine) handle(r request) {
	switch r.op {
	case opStart:
		r.reply <- answer{err: m.startFirst(r.env)}
	case opRestart:
		m.restart(r)
	case opSignal:
		r.reply <- answer{err: m.signal(r.to, r.sig)}
	case opTell:
		r.reply <- answer{err: m.tell(r.sig)}
	case opRunning:
		r.reply <- answer{running: m.running()}
	case opStop:
		m.stop(r.reply)
	case opKill:
		m.stop(r.reply)
		m.kill()
	}
}

func (m *machine) running() bool { return m.proc != nil && !m.ending }

func (m *machine) startFirst(env []string) error {
	switch {
	case m.final:
		return ErrStopped
	case m.proc != nil:
		return errRunning
	}
	return m.launch(env)
}

func (m *machine) launch(env []string) error {
	proc, err := m.start(spec{argv: m.Command, env: env, stdin: m.Stdin, stdout: m.Stdout, stderr: m.Stderr, followed: m.Terminal})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { // ends with the process, before the loop does
		proc.Wait()
		close(ended)
	}()
	m.proc, m.ended, m.began, m.pendingExit, m.restartFailed = proc, ended, time.Now(), nil, false
	m.Logger.Info(logmsg.ChildStarted, logkey.Command, CommandLine(m.Command), logkey.PID, proc.PID())
	return nil
}

func (m *machine) restart(r request) {
	switch {
	case m.final:
		r.reply <- answer{err: ErrStopped}
		return
	case m.restartFailed:
		r.reply <- answer{err: m.launch(r.env)}
		return
	case m.proc == nil || m.unasked:
		r.reply <- answer{err: ErrNotRunning}
		return
	}
	if m.next == nil {
		m.next = &restart{}
	}
	m.next.env = r.env
	m.next.waiting = append(m.next.waiting, r.reply)
	m.requestStop()
}

func (m *machine) signal(to target, sig syscall.Signal) error {
	if !m.running() {
		return ErrNotRunning
	}
	err := m.proc.Signal(to, sig)
	if errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH) {
		return ErrNotRunning
	}
	return err
}

// tell is signal for the leader, unless that would end it.
func (m *machine) tell(sig syscall.Signal) error {
	if m.running() && m.proc.EndedBy(sig) {
		return newHeldError(m.proc.PID(), sig)
	}
	return m.signal(leader, sig)
}

func (m *machine) stop(reply chan answer) {
	m.final = true
	m.stops = append(m.stops, reply)
	if m.next != nil {
		m.next.answer(ErrStopped)
		m.next = nil
	}
	if m.proc != nil {
		m.requestStop()
	}
}

func (m *machine) answerStops() {
	for _, reply := range m.stops {
		reply <- answer{}
	}
}

func (r *restart) answer(err error) {
	for _, reply := range r.waiting {
		reply <- answer{err: err}
	}
}
