// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

const (
	// endTime is how long the parts have to end after the children have stopped. They
	// end within milliseconds, unless one does what cannot be interrupted: reading from
	// a disk that does not answer, or computing.
	endTime = 5 * time.Second
	// hurriedEndTime is endTime after a second signal.
	hurriedEndTime = 500 * time.Millisecond
	// killTime is how long children that are killed may take to be gone.
	killTime = 2 * time.Second
)

// end is the end of a run: it sees to it that Run returns, whatever is still at work.
type end struct {
	stopped chan struct{} // closed once the children have stopped

	mu    sync.Mutex
	begun bool           // children may have been started
	code  int            // of the children, set before stopped is closed
	parts map[string]int // how many of a name are at work
	steps func() []string
}

func newEnd() *end {
	return &end{stopped: make(chan struct{}), parts: make(map[string]int), steps: func() []string { return nil }}
}

// begin records that children may be started from now on. It returns false, and they
// must not, if the end has come before.
func (e *end) begin(ctx context.Context, steps func() []string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	e.begun, e.steps = true, steps
	return true
}

// enter records that a part is at work, until leave is called.
func (e *end) enter(part string) (leave func()) {
	e.count(part, 1)
	return func() { e.count(part, -1) }
}

func (e *end) count(part string, n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.parts[part] += n
}

// childrenStopped records that the children have stopped, and their exit code.
func (e *end) childrenStopped(code int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.code = code
	close(e.stopped)
}

// await waits until the parts have ended, and returns what they have returned. From
// the end of running, the children have the time that they are promised; after that,
// or at once when hurry is closed, it does not wait for the parts any longer.
func (e *end) await(running context.Context, ended <-chan error, a *Agent) error {
	select {
	case err := <-ended:
		return err
	case <-running.Done():
	}
	began := time.Now()
	limit := time.NewTimer(e.patience(a))
	defer limit.Stop()
	after := endTime
	stopped, hurry := e.stopped, a.Hurry
	for {
		select {
		case err := <-ended:
			return err
		case <-stopped:
			stopped = nil
			if total := a.Config.StopTimeout; total > 0 { // after which certagent is killed
				after = min(after, max(total-time.Since(began)-hurriedEndTime, hurriedEndTime))
			}
			limit.Reset(after)
		case <-hurry:
			hurry, after = nil, hurriedEndTime
			if stopped == nil || !e.hasBegun() {
				limit.Reset(hurriedEndTime)
			} else {
				limit.Reset(killTime)
			}
		case <-limit.C:
			a.Logger.Warn(logmsg.EndForced, logkey.Detail, e.atWork(), logkey.Duration, time.Since(began).Round(time.Millisecond))
			return e.outcome(running)
		}
	}
}

// patience is how long the children and, after them, the parts may take.
func (e *end) patience(a *Agent) time.Duration {
	longest := time.Duration(0)
	if e.hasBegun() {
		for _, cfg := range a.Config.Execs {
			longest = max(longest, a.killTimeout(cfg))
		}
		longest += killTime
	}
	return longest + endTime
}

func (e *end) hasBegun() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun
}

// atWork names what has not ended.
func (e *end) atWork() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.begun {
		return []string{"the start"}
	}
	var names []string
	for part, n := range e.parts {
		if n > 0 {
			names = append(names, part)
		}
	}
	slices.Sort(names)
	return append(names, e.steps()...)
}

// outcome returns the error of Run for a context that has ended.
func (e *end) outcome(running context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch cause := context.Cause(running); {
	case errors.Is(cause, errFinished):
		return nil
	case !errors.Is(cause, context.Canceled):
		return cause
	case e.code != 0:
		return &ChildExit{Code: e.code}
	}
	return nil
}
