// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
)

// fakeOS starts fake processes, which the test controls.
type fakeOS struct {
	t       *testing.T
	started []*fakeProcess
	envs    []string // the first variable of each start's environment
	fail    error    // of the next start
	mu      sync.Mutex
}

// processes returns the started processes.
func (o *fakeOS) processes() []*fakeProcess {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.started)
}

// failNext makes the next start fail.
func (o *fakeOS) failNext(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.fail = err
}

func (o *fakeOS) start(s spec) (process, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if err := o.fail; err != nil {
		o.fail = nil
		return nil, err
	}
	for _, p := range o.started {
		if !p.isReaped() {
			o.t.Errorf("process %d started while process %d is still there", len(o.started)+1, p.pid)
		}
	}
	first := ""
	if len(s.env) > 0 {
		first = s.env[0]
	}
	p := &fakeProcess{t: o.t, pid: len(o.started) + 1, ended: make(chan struct{})}
	o.started, o.envs = append(o.started, p), append(o.envs, first)
	return p, nil
}

type sent struct {
	to  target
	sig syscall.Signal
}

// fakeProcess is used by the test and by the child's goroutine.
type fakeProcess struct {
	fatal syscall.Signal // it does not catch this one
	t     *testing.T
	pid   int
	ended chan struct{}

	mu      sync.Mutex
	code    int
	company bool
	gone    bool // signals fail as for a process that has exited
	sent    []sent
	reaped  bool
}

func (p *fakeProcess) PID() int { return p.pid }
func (p *fakeProcess) Wait()    { <-p.ended }

func (p *fakeProcess) Signal(to target, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		p.t.Errorf("signal %v to process %d after it was reaped", sig, p.pid)
	}
	p.sent = append(p.sent, sent{to, sig})
	if p.gone {
		return syscall.ESRCH
	}
	return nil
}

func (p *fakeProcess) Left() map[int]stat { return nil }

func (p *fakeProcess) EndedBy(sig syscall.Signal) bool { return sig == p.fatal }

func (p *fakeProcess) GroupHasOthers() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.company
}

func (p *fakeProcess) Reap() Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		p.t.Errorf("process %d reaped twice", p.pid)
	}
	select {
	case <-p.ended:
	default:
		p.t.Errorf("process %d reaped before it ended", p.pid)
	}
	p.reaped = true
	return Exit{Code: p.code}
}

// exit makes the process exit.
func (p *fakeProcess) exit(code int) {
	p.mu.Lock()
	p.code = code
	p.mu.Unlock()
	close(p.ended)
	synctest.Wait()
}

func (p *fakeProcess) setCompany(company bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.company = company
}

func (p *fakeProcess) isReaped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.reaped
}

// taken returns the signals since the last call.
func (p *fakeProcess) taken() []sent {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.sent
	p.sent = nil
	return s
}

func (p *fakeProcess) expectSent(want ...sent) {
	p.t.Helper()
	if got := p.taken(); !slices.Equal(got, want) {
		p.t.Fatalf("process %d was sent %v, want %v", p.pid, got, want)
	}
}

// call runs a method of the child in the background; its error is read from the
// channel.
func call(f func(context.Context) error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f(context.Background()) }()
	synctest.Wait()
	return done
}

func expectPending(t *testing.T, what string, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		t.Fatalf("%s returned %v, want it to wait", what, err)
	default:
	}
}

func expectDone(t *testing.T, what string, done <-chan error, want error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		if !errors.Is(err, want) {
			t.Fatalf("%s returned %v, want %v", what, err, want)
		}
	default:
		t.Fatalf("%s is still waiting", what)
	}
}

func expectNoExit(t *testing.T, c *child) {
	t.Helper()
	synctest.Wait()
	select {
	case e := <-c.Exited():
		t.Fatalf("Exited delivered %v, want nothing", e)
	default:
	}
}
