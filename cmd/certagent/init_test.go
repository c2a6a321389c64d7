// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// startUnder is start by a program that becomes certagent, or starts it.
func (w *world) startUnder(program []string, text string, args ...string) *process {
	w.Helper()
	w.Write("agent.hcl", w.expand(text))
	args = slices.Concat(program[1:], []string{"certagent", "agent", "-config=" + w.Path("agent.hcl")}, args)
	return launchProgram(w.T, w.Path(""), nil, program[0], args...)
}

// unshare makes what it starts process 1 of a PID namespace. It hands its exit
// code on, and takes it along when it is killed.
var unshare = []string{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"}

// namespaces says why no PID namespace can be made here.
var namespaces = sync.OnceValue(func() error {
	out, err := exec.Command(unshare[0], slices.Concat(unshare[1:], []string{"true"})...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("a PID namespace cannot be made here: %w: %s", err, out)
	}
	return nil
})

// startInit runs the agent as process 1 of a PID namespace.
func (w *world) startInit(text string, args ...string) *process {
	w.Helper()
	if err := namespaces(); err != nil {
		harness.Missing(w.T, "%v", err)
	}
	return w.startUnder(unshare, text, args...)
}

// first is the process that certagent is as process 1 of a namespace, by the
// number that it has outside.
func (p *process) first() int {
	p.Helper()
	var pid int
	harness.Eventually(p, "unshare starts certagent", func() bool {
		list, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", p.PID()))
		pid, _ = strconv.Atoi(strings.TrimSpace(string(list)))
		return pid > 0
	})
	return pid
}

// stat is what the kernel tells of a process: its state, such as Z for a zombie,
// its parent and its group. The state is empty if there is none.
func stat(pid int) (state string, parent, group int) {
	line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := bytes.Cut(line, []byte(") ")) // the names of those who are asked for have no parenthesis
	_, _ = fmt.Sscan(string(rest), &state, &parent, &group)
	return state, parent, group
}

// zombies counts a process's children that nobody has collected.
func zombies(t testing.TB, parent int) int {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, path := range all {
		pid, _ := strconv.Atoi(filepath.Base(path))
		if state, of, _ := stat(pid); state == "Z" && of == parent {
			n++
		}
	}
	return n
}

func send(t testing.TB, pid int, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("sending %s to %d: %v", sig, pid, err)
	}
}

func TestInitHandsOnTheExitCode(t *testing.T) {
	type end struct {
		name, exec string
		code       int
	}
	ends := []end{
		{"missing", `exec { command = ["/nowhere/to/be/found"] }`, 127},
		{"not executable", `exec { command = ["DIR/roleid"] }`, 126},
	}
	for _, code := range []int{0, 1, 2, 32, 64, 127, 254, 255} {
		ends = append(ends, end{strconv.Itoa(code), child("exit "+strconv.Itoa(code), ""), code})
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL, syscall.SIGUSR1, syscall.SIGSEGV, 64} {
		ends = append(ends, end{fmt.Sprintf("signal %d", sig), child(fmt.Sprintf("kill -%d $$", sig), ""), 128 + int(sig)})
	}
	for _, c := range ends {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.startInit(login + password("") + c.exec)
			p.Ends(c.code)
			p.leavesNothing()
		})
	}
}

// A thousand orphans end while another child fails over and over, and commands
// run. That none is taken for another shows in the exit codes.
func TestInitCollectsOrphans(t *testing.T) {
	const orphans = 1000
	w := newWorld(t)
	w.script("reload", "exit 5")
	p := w.startInit(login+password(`exec { command = ["DIR/reload"] }`)+fmt.Sprintf(`
exec "parent" {
  command = ["/bin/sh", "-c", "i=0; while [ $i -lt %d ]; do (exit 3 &); i=$((i+1)); done; until [ -e DIR/over ]; do sleep 0.05; done; exit 7"]
}
exec "restless" {
  command           = ["/bin/sh", "-c", "exit 9"]
  restart           = "always"
  restart_delay     = "1ms"
  restart_max_delay = "1ms"
}
`, orphans), "-log-level=debug")
	p.SaysTimes(logmsg.OrphanReaped, orphans)
	p.SaysTimes(logmsg.ChildExited+` .*child=restless`, 20)
	harness.Eventually(t, "no zombie is left", func() bool { return zombies(t, p.first()) == 0 })
	w.Write("over", "")
	p.Ends(7)
	// The last one may have been stopped.
	if ended, codes := p.Count(logmsg.ChildExited+` .*child=restless`), p.Count(logmsg.ChildExited+` .*child=restless.* code=(9|143)`); ended != codes {
		t.Errorf("%d of %d exit codes of a child are lost", ended-codes, ended)
	}
	if tried, codes := p.Count(`change failed`), p.Count(`change failed.*exit code 5`); tried == 0 || tried != codes {
		t.Errorf("%d of %d exit codes of a command are lost", tried-codes, tried)
	}
}

func TestInitStops(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, c := range []struct{ name, exec, says string }{
			{"without a child", "", logmsg.AllPublished},
			{"with a child", child("echo child runs; exec sleep 1000", ""), `child runs`},
			{"with a child that is asked in vain", child("trap '' TERM; (trap '' TERM; sleep 1000) & echo child runs; while :; do sleep 0.05; done", `kill_timeout = "200ms"`), `child runs`},
		} {
			t.Run(fmt.Sprintf("signal_%d_%s", sig, strings.ReplaceAll(c.name, " ", "_")), func(t *testing.T) {
				w := newWorld(t)
				p := w.startInit(login + password("") + c.exec)
				p.Says(c.says)
				send(t, p.first(), sig)
				p.Ends(0)
				p.leavesNothing()
			})
		}
	}
}

// Whatever has no handler, or means nothing, does not end process 1. Nor can its
// child kill or stop it.
func TestInitOutlivesSignals(t *testing.T) {
	w := newWorld(t)
	p := w.startInit(login + eager + password("") +
		child("for s in KILL STOP CHLD URG PIPE PROF TTIN TTOU 32 33 34; do kill -$s 1; done; echo all sent; while :; do sleep 0.05; done", ""))
	p.Says(`all sent`)
	w.PutKV("app", map[string]any{"password": "two"})
	harness.Eventually(t, "the new password", func() bool { return w.Read("password") == "two" })
	send(t, p.first(), syscall.SIGTERM)
	p.Ends(0)
	p.leavesNothing()
}

// leavesOrphan is a child with a grandchild whose parent has ended.
var leavesOrphan = child(`(sleep 1000 & echo "orphan $!"); while :; do sleep 0.05; done`, "")

func TestSubreaperCollectsOrphans(t *testing.T) {
	w := newWorld(t)
	p := w.start("subreaper = true\n" + login + password("") + leavesOrphan)
	orphan := p.number("orphan")
	harness.Eventually(t, "the orphan comes to certagent", func() bool {
		_, parent, _ := stat(orphan)
		return parent == p.PID()
	})
	send(t, orphan, syscall.SIGKILL)
	harness.Eventually(t, "the orphan is collected", func() bool {
		state, parent, _ := stat(orphan)
		return state == "" || parent != p.PID()
	})
	p.stop()
}

// Without a child there is nothing that could go into the background.
func TestOrphansAreNotAdoptedUnasked(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password(`command = ["sh", "-c", "(sleep 1000 > /dev/null 2>&1 & echo $! > DIR/orphan)"]`))
	orphan := w.number("orphan")
	t.Cleanup(func() { _ = syscall.Kill(orphan, syscall.SIGKILL) })
	var parent int
	harness.Eventually(t, "its parent has ended", func() bool {
		var group int
		_, parent, group = stat(orphan)
		state, _, of := stat(parent)
		return state != "" && of != group // the one that has ended was in its group
	})
	if parent == p.PID() {
		t.Error("certagent has adopted an orphan")
	}
	send(t, orphan, syscall.SIGKILL)
	p.stop()
}
