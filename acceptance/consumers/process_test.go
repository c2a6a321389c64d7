// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// stopTimeout is how long a process gets to end when it is asked to.
const stopTimeout = 20 * time.Second

// process is a program that runs in a process group of its own.
type process struct {
	*world
	name    string
	cmd     *exec.Cmd
	ended   chan struct{}
	stopped bool
}

// start starts a program in the world; what it prints goes to a log there. It
// ends with the test.
func (w *world) start(name string, env []string, args ...string) *process {
	w.Helper()
	log, err := os.OpenFile(w.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		w.Fatal(err)
	}
	defer log.Close() // the process has its own
	p := &process{world: w, name: name, cmd: exec.Command(args[0], args[1:]...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = w.dir, log, log
	p.cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VAULT_") }), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		w.Fatalf("starting %s: %v", name, err)
	}
	w.Cleanup(func() {
		p.stop()
		if w.Failed() {
			w.Logf("%s's log:\n%s", name, p.log())
		}
	})
	return p
}

// run starts the process and waits for it, on one thread: Pdeathsig means the
// death of the thread that started it.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer close(p.ended)
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait()                                      // how it ended is in p.cmd.ProcessState
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // what it left behind
	}
}

// stop asks the process to end and waits until it has.
func (p *process) stop() {
	p.Helper()
	if p.stopped {
		return
	}
	p.stopped = true
	select {
	case <-p.ended:
		p.Errorf("%s ended by itself: %v", p.name, p.cmd.ProcessState)
		return
	default:
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended meanwhile
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
		p.Errorf("%s did not end when asked to and was killed", p.name)
	}
}

// log is what the process has printed.
func (p *process) log() string {
	text, err := os.ReadFile(p.path(p.name + ".log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// consumer starts the program of the recipe with the recipe's command.
func (w *world) consumer(env ...string) *process {
	w.Helper()
	return w.start("consumer", env, "sh", "-c", "exec "+w.here(w.recipe["sh"]))
}
