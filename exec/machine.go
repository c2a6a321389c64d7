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
	lookInterval = 25 * time.Millisecond // how often a group is looked at until it is empty
	afterKill    = 5 * time.Second       // how long killed processes may take to go
)

type op int

const (
	opStart op = iota
	opRestart
	opSignal
	opRunning
	opStop
	opKill
)

type request struct {
	op    op
	env   []string
	sig   syscall.Signal
	to    target      // of sig
	reply chan answer // has room for the one answer
}

type answer struct {
	running bool
	err     error
}

// machine is a child's state. Its owner is the child's goroutine.
//
// No process runs (proc is nil), or one runs, or one is ending. It is ending
// from when it was asked to end, or ended by itself, until its group is empty.
// A channel that is nil belongs to an event that cannot happen now.
type machine struct {
	ChildConfig
	start starter

	proc   process
	began  time.Time
	lived  time.Duration   // known when it has ended
	ended  <-chan struct{} // closed when the process has ended; nil after that
	ending bool
	alone  bool // it ended by itself, nobody asked for it
	killed bool

	deadline <-chan time.Time // end of the patience
	look     <-chan time.Time // when to look at the group again

	next      *restart      // to start when proc has gone
	stops     []chan answer // who waits for the end
	final     bool          // stopped for good
	unstarted bool          // a restart has ended the process but could not start the next
	last      Exit
	unclaimed *Exit // to be delivered by Exited
}

type restart struct {
	env     []string
	waiting []chan answer
}

func (m *machine) finished() bool { return m.final && m.proc == nil }

// exit is what Exited offers.
func (m *machine) exit() Exit {
	if m.unclaimed == nil {
		return Exit{}
	}
	return *m.unclaimed
}

func (m *machine) handle(r request) {
	switch r.op {
	case opStart:
		r.reply <- answer{err: m.startFirst(r.env)}
	case opRestart:
		m.restart(r)
	case opSignal:
		r.reply <- answer{err: m.signal(r.to, r.sig)}
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
		return ErrRunning
	}
	return m.launch(env)
}

func (m *machine) launch(env []string) error {
	proc, err := m.start(spec{argv: m.Command, env: env, stdin: m.Stdin, stdout: m.Stdout, stderr: m.Stderr, followed: m.Terminal})
	if err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { // ends with the process; the loop does not end before that
		proc.Wait()
		close(ended)
	}()
	m.proc, m.ended, m.began, m.unclaimed, m.unstarted = proc, ended, time.Now(), nil, false
	m.Logger.Info(logmsg.ChildStarted, logkey.Command, CommandLine(m.Command), logkey.PID, proc.PID())
	return nil
}

func (m *machine) restart(r request) {
	switch {
	case m.final:
		r.reply <- answer{err: ErrStopped}
		return
	case m.unstarted:
		r.reply <- answer{err: m.launch(r.env)}
		return
	case m.proc == nil || m.alone:
		r.reply <- answer{err: ErrNotRunning}
		return
	}
	if m.next == nil {
		m.next = &restart{}
	}
	m.next.env = r.env
	m.next.waiting = append(m.next.waiting, r.reply)
	m.askToEnd()
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

func (m *machine) stop(reply chan answer) {
	m.final = true
	m.stops = append(m.stops, reply)
	if m.next != nil {
		m.next.answer(ErrStopped)
		m.next = nil
	}
	if m.proc != nil {
		m.askToEnd()
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
