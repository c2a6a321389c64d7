// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/agent"
	"github.com/certagent/certagent/internal/harness"
	"github.com/certagent/certagent/logmsg"
)

// numbers waits until certagent or its children have printed the word n times
// with a number behind it, each on a line of its own.
func (p *process) numbers(word string, n int) []int {
	p.Helper()
	line := regexp.MustCompile(`(?m)^` + word + ` (\d+)$`)
	var found []int
	harness.Eventually(p, fmt.Sprintf("%d times %s", n, word), func() bool {
		found = nil
		for _, match := range line.FindAllStringSubmatch(p.String(), -1) {
			number, _ := strconv.Atoi(match[1])
			found = append(found, number)
		}
		return len(found) >= n
	})
	return found
}

// number is the first of the numbers.
func (p *process) number(word string) int {
	p.Helper()
	return p.numbers(word, 1)[0]
}

// listener is a child that prints "got" and the number of each signal that it
// gets, but for those that it does not catch.
func listener(more string, uncaught ...syscall.Signal) string {
	uncaught = append(uncaught, syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, 32, 33)
	var caught []string
	for sig := syscall.Signal(1); sig <= 64; sig++ {
		if !slices.Contains(uncaught, sig) {
			caught = append(caught, strconv.Itoa(int(sig)))
		}
	}
	script := "for s in " + strings.Join(caught, " ") + `; do trap "echo got $s" $s; done; echo "listener $$"; while :; do sleep 0.02; done`
	return child(script, more)
}

// All at once, as a burst of different signals may come. Only SIGTSTP waits: the
// kernel lets it take the place of a SIGCONT that was not delivered yet.
func TestEverySignalIsHandedOn(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + listener("", syscall.SIGTERM))
	p.number("listener")
	var sent []int
	for _, sig := range agent.Forwarded() {
		sent = append(sent, int(sig.(syscall.Signal)))
		if sig != syscall.SIGTSTP {
			p.Signal(sig.(syscall.Signal))
		}
	}
	p.numbers("got", len(sent)-1)
	p.Signal(syscall.SIGTSTP)
	if len(sent) < 12+30 {
		t.Errorf("only %d signals", len(sent))
	}
	got := p.numbers("got", len(sent))
	slices.Sort(got)
	if !slices.Equal(got, sent) {
		t.Errorf("the child got\n%v, want\n%v", got, sent)
	}
	p.stop()
}

func TestSignalsAreRewrittenAndDropped(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + listener(`signals = {
    SIGUSR1       = "SIGUSR2"
    SIGUSR2       = "SIGUSR1"
    SIGWINCH      = ""
    "SIGRTMIN+6"  = "SIGRTMAX-4"
    SIGTERM       = "SIGHUP"
  }
  kill_timeout = "1s"`, syscall.SIGCONT)) // which follows what asks it to end
	p.number("listener")
	var got []int
	for _, step := range []struct{ send, gets syscall.Signal }{
		{syscall.SIGUSR1, syscall.SIGUSR2},
		{syscall.SIGWINCH, 0}, // the next number is that of the next step
		{syscall.SIGUSR2, syscall.SIGUSR1},
		{40, 60},
		{60, 60},
		{syscall.SIGTERM, syscall.SIGHUP},
	} {
		p.Signal(step.send)
		if step.gets != 0 {
			got = append(got, int(step.gets))
			if all := p.numbers("got", len(got)); !slices.Equal(all, got) {
				t.Fatalf("after %s the child has got %v, want %v", step.send, all, got)
			}
		}
	}
	p.Ends(0)
	p.leavesNothing()
}

func TestWhomSIGHUPIsFor(t *testing.T) {
	for _, c := range []struct {
		name, hup    string
		agent, child bool
	}{
		{"default", ``, true, false},
		{"agent", `hup = "agent"`, true, false},
		{"child", `hup = "child"`, false, true},
		{"both", `hup = "both"`, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.start(login + password("") + listener(c.hup, syscall.SIGTERM))
			p.number("listener")
			p.Signal(syscall.SIGHUP)
			if c.agent {
				p.Says(logmsg.Reloaded)
			}
			// This one is behind it on its way to the child.
			p.Signal(syscall.SIGUSR1)
			want := []int{int(syscall.SIGUSR1)}
			if c.child {
				want = []int{int(syscall.SIGHUP), int(syscall.SIGUSR1)}
			}
			got := p.numbers("got", len(want))
			if slices.Sort(got); !slices.Equal(got, want) {
				t.Errorf("the child got %v, want %v", got, want)
			}
			p.stop()
			if read := p.Count(logmsg.Reloaded) > 0; read != c.agent {
				t.Errorf("the configuration was read again: %v", read)
			}
		})
	}
}

// A child that waits to be started again does not hold up the end.
func TestStopsDuringTheDelayOfARestart(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") + child("exit 3", `restart = "always"
  restart_delay     = "1h"
  restart_max_delay = "1h"`))
	p.Says(logmsg.ChildRestarts)
	begun := time.Now()
	p.stop()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("it took %v", took)
	}
}

// Not only the child, all of its process group is killed when the time is up.
func TestWholeGroupIsKilled(t *testing.T) {
	w := newWorld(t)
	p := w.start(login + password("") +
		child(`trap '' TERM; (trap '' TERM; (echo "grandchild $(exec sh -c 'echo $PPID')"; exec sleep 1000)) & echo "child $$"; wait; sleep 1000`, `kill_timeout = "300ms"`))
	leader, grandchild := p.number("child"), p.number("grandchild")
	if _, _, group := stat(grandchild); group != leader {
		t.Fatalf("the grandchild is in group %d, the child in %d", group, leader)
	}
	p.Signal(syscall.SIGTERM)
	p.Says(logmsg.ChildKilled)
	p.Ends(0)
	p.leavesNothing()
}

// Nothing outlives certagent when it is killed, whichever process of the child it is.
func TestChildDiesWithCertagent(t *testing.T) {
	const pid = `echo "child $$"; exec sleep 1000`
	for _, c := range []struct {
		name, text string
		begin      func(w *world, p *process)
	}{
		{"the first", login + password("") + child(pid, ""), func(*world, *process) {}},
		{"started again", login + password("") + child(pid, `restart = "always"
  restart_delay = "1ms"`), func(_ *world, p *process) { send(p, p.number("child"), syscall.SIGKILL) }},
		{"restarted", login + eager + password(`change_mode = "restart"`) + child(pid, ""), func(w *world, p *process) {
			p.number("child")
			w.PutKV("app", map[string]any{"password": "two"})
		}},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			w := newWorld(t)
			p := w.start(c.text)
			starts := 1
			if c.begin(w, p); c.name != "the first" {
				starts = 2
			}
			p.numbers("child", starts)
			p.Signal(syscall.SIGKILL)
			<-p.Ended()
			harness.Eventually(t, "the child is gone", func() bool { return len(descendants(t, w.Path(""))) == 0 })
		})
	}
}

// A child finds no signal blocked, ignored or pending, as after a login, whatever
// certagent itself was started with.
func TestChildsSignalsAreTheDefault(t *testing.T) {
	const none = "0000000000000000\n"
	const want = "SigPnd:\t" + none + "ShdPnd:\t" + none + "SigBlk:\t" + none + "SigIgn:\t" + none
	spoiled := []string{"env", "--block-signal=TERM,USR1,WINCH", "--ignore-signal=HUP,INT,QUIT,PIPE,USR2,TTOU,TTIN,TSTP"}
	if out, err := exec.Command(spoiled[0], append(spoiled[1:], "true")...).CombinedOutput(); err != nil {
		harness.Missing(t, "env cannot block signals here: %v: %s", err, out)
	}
	for name, program := range map[string][]string{"plain": {"env"}, "spoiled": spoiled} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.startUnder(program, login+password("")+child(`grep -E "^(Sig(Pnd|Blk|Ign)|ShdPnd)" /proc/self/status; echo "child $$"; exec sleep 1000`, ""))
			p.number("child")
			if !strings.Contains(p.String(), want) {
				t.Errorf("the child's signals are not\n%s", want)
			}
			p.stop() // also by a signal that was blocked
		})
	}
}

// A log that nobody reads any more holds up nothing: neither what is handed on,
// nor another start of the child, nor the end.
func TestReaderOfTheLogGoesAway(t *testing.T) {
	w := newWorld(t)
	w.Check(syscall.Mkfifo(w.Path("log"), 0o600))
	reader, err := os.OpenFile(w.Path("log"), os.O_RDONLY|syscall.O_NONBLOCK, 0) // no need to wait for a writer
	w.Check(err)
	p := w.startUnder([]string{"sh", "-c", `exec "$@" >` + w.Path("log") + " 2>&1", "sh"}, login+password("")+
		child(`trap "echo >> DIR/got" USR1; trap "exit 3" USR2; echo >> DIR/started; while :; do sleep 0.02; done`, `restart = "on-failure"
  restart_delay = "1ms"`))
	lines := func(name string) int { return strings.Count(w.Read(name), "\n") }
	harness.Eventually(t, "the child starts", func() bool { return lines("started") == 1 })
	w.Check(reader.Close())
	for n := 1; n <= 3; n++ {
		p.Signal(syscall.SIGUSR1)
		harness.Eventually(t, "the child gets it", func() bool { return lines("got") == n })
		p.Signal(syscall.SIGUSR2)
		harness.Eventually(t, "the child is started again", func() bool { return lines("started") == n+1 })
	}
	p.stop()
}
