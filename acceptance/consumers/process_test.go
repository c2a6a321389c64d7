// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/certagent/certagent/internal/harness"
)

// stopTimeout is how long a process gets to end when it is asked to.
const stopTimeout = 20 * time.Second

// process is a program that runs in a process group of its own.
type process struct {
	*world
	*harness.Process
	name string
}

// start starts a program in the world. It ends with the test.
func (w *world) start(name string, env []string, args ...string) *process {
	w.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = w.Path(""), append(os.Environ(), env...)
	return &process{w, harness.StartGroup(w.T, cmd), name}
}

// stop asks the process to end and waits until it has.
func (p *process) stop() {
	p.Helper()
	if !p.Running() {
		p.Errorf("%s ended by itself: %v", p.name, p.State())
		return
	}
	_ = p.Cmd.Process.Signal(syscall.SIGTERM) // it may have ended meanwhile
	select {
	case <-p.Ended():
	case <-time.After(stopTimeout):
		p.Fatalf("%s did not end when asked to", p.name)
	}
}

// consumer starts the program of the recipe with the recipe's command.
func (w *world) consumer(env ...string) *process {
	w.Helper()
	return w.start("consumer", env, "sh", "-c", "exec "+w.here(w.recipe["sh"]))
}
