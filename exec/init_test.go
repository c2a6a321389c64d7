// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/settings"
)

// scriptVar is the variable with the script of an init's child.
const scriptVar = "CERTAGENT_TEST_SCRIPT"

// signalOf returns the signal with a name, without SIG, or with a number.
func signalOf(text string) syscall.Signal {
	if n, err := strconv.Atoi(text); err == nil {
		return syscall.Signal(n)
	}
	return unix.SignalNum("SIG" + text)
}

// playInit is a small certagent: it supervises a child, forwards signals to it, and exits
// with its exit code. The flags are separated by commas:
//
//	terminal  the child gets the terminal
//	group     signals go to its whole group
//	always    it is restarted
//	idle      it is started after an hour
//	reap      orphans are reaped; there must be at least one
//	A>B       signal A is forwarded as B
func playInit(flags string, role []string) {
	received := make(chan os.Signal, 64)
	signal.Notify(received, Forwardable()...)
	cfg := SupervisorConfig{
		ChildConfig: ChildConfig{Command: []string{os.Args[0]}, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr},
		Policy:      RestartPolicy{Restart: settings.Restart{Delay: time.Millisecond}},
		Environ:     func() []string { return as(strings.Join(role, " ")) },
	}
	if len(role) == 0 {
		cfg.Command = []string{"sh", "-c", os.Getenv(scriptVar)}
	}
	rewrites, send, reaper := Rewrites{}, (*Supervisor).Signal, (*Reaper)(nil)
	for flag := range strings.SplitSeq(flags, ",") {
		from, to, rewritten := strings.Cut(flag, ">")
		switch {
		case rewritten:
			rewrites[signalOf(from)] = signalOf(to)
		case flag == "terminal":
			cfg.Terminal = true
		case flag == "group":
			send = (*Supervisor).SignalGroup
		case flag == "always":
			cfg.Policy.When = settings.Always
		case flag == "idle":
			cfg.Policy = RestartPolicy{Restart: settings.Restart{When: settings.Always, Delay: time.Hour}}
		case flag == "reap":
			reaper, _ = startReaping()
		}
	}
	s := NewSupervisor(cfg)
	exit := sendOn(received, rewrites, s, send)
	if reaper != nil {
		fmt.Println("reaped", awaitReaped(reaper, 1), "zombies", len(zombies()))
	}
	if t := controllingTerminal(os.Stdin); t != nil {
		fmt.Println("terminal is ours again:", t.ours())
	}
	os.Exit(cfg.Policy.Code(exit))
}

// sendOn forwards signals to a child until it has exited for good.
func sendOn(received <-chan os.Signal, rewrites Rewrites, s *Supervisor, send func(*Supervisor, context.Context, syscall.Signal) error) Exit {
	over := make(chan Exit)
	go func() {
		exit, err := s.Run(context.Background())
		if err != nil {
			fmt.Println(err)
		}
		over <- exit
	}()
	for {
		select {
		case sig := <-received:
			target, ok := rewrites.Of(sig.(syscall.Signal))
			if !ok {
				continue
			}
			err := send(s, context.Background(), target)
			switch {
			case errors.Is(err, ErrNotRunning) && target == syscall.SIGTSTP:
				fmt.Println("suspending")
				Suspend()
				fmt.Println("resumed")
			case err != nil && !errors.Is(err, ErrNotRunning):
				fmt.Println(err)
			}
		case exit := <-over:
			return exit
		}
	}
}

// printSignals prints the number of each signal that it gets.
func printSignals() {
	received := make(chan os.Signal, 64)
	signal.Notify(received, Forwardable()...)
	fmt.Println("pid", os.Getpid())
	for sig := range received {
		fmt.Println(int(sig.(syscall.Signal)))
	}
}

// initProcess is a running init whose output is read.
type initProcess struct {
	cmd *osexec.Cmd
	out *stdout
}

func startInit(t *testing.T, role, script string) *initProcess {
	t.Helper()
	p := &initProcess{cmd: osexec.Command(os.Args[0]), out: newStdout(t)}
	p.cmd.Env = append(as(role), scriptVar+"="+script)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without the terminal of the tests
	p.cmd.Stdout = p.out.w
	var stderr bytes.Buffer
	p.cmd.Stderr = &stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p.out.w.Close()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // its child dies with it
		_ = p.cmd.Wait()
		if t.Failed() {
			t.Logf("stderr: %s", &stderr)
		}
	})
	return p
}

func (p *initProcess) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// child returns the process that has printed its pid.
func (p *initProcess) child(t *testing.T) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.TrimPrefix(p.out.line(t), "pid "))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func (p *initProcess) expectCode(t *testing.T, want int) {
	t.Helper()
	_ = p.cmd.Wait()
	if got := exitOf(p.cmd.ProcessState.Sys().(syscall.WaitStatus)); got.Code != want {
		t.Errorf("ended with %v, want exit code %d", got, want)
	}
}

func TestExitCodesOfTheChildAreHandedOn(t *testing.T) {
	for _, code := range []int{0, 1, 2, 32, 64, 127, 254, 255} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			startInit(t, "init", "exit "+strconv.Itoa(code)).expectCode(t, code)
		})
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		t.Run(SignalName(sig), func(t *testing.T) {
			t.Parallel()
			startInit(t, "init", fmt.Sprintf("kill -%d $$", sig)).expectCode(t, 128+int(sig))
		})
	}
}

func TestChildEndsByASignalSentOn(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGINT, syscall.SIGHUP, firstRealtime + 3} {
		t.Run(SignalName(sig), func(t *testing.T) {
			t.Parallel()
			p := startInit(t, "init", "echo ready; exec sleep 1000")
			p.out.expect(t, "ready")
			p.signal(t, sig)
			p.expectCode(t, 128+int(sig))
		})
	}
}

func TestEverySignalIsSentOn(t *testing.T) {
	t.Parallel()
	p := startInit(t, "init print-signals", "")
	p.child(t)
	sent := 0
	for _, sig := range Forwardable() {
		p.signal(t, sig.(syscall.Signal))
		p.out.expect(t, strconv.Itoa(int(sig.(syscall.Signal))))
		sent++
	}
	if sent < 15+30 {
		t.Errorf("only %d signals", sent)
	}
}

func TestSignalsAreRewritten(t *testing.T) {
	type step struct{ sent, got syscall.Signal } // got 0: no output until the next step
	const hup, intr, quit, term = syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM
	for _, tt := range []struct {
		name, flags string
		steps       []step
	}{
		{"not", "", []step{{term, term}, {quit, quit}, {syscall.SIGCONT, syscall.SIGCONT}, {intr, intr}}},
		{"one", "TERM>INT", []step{{term, intr}, {quit, quit}, {syscall.SIGCONT, syscall.SIGCONT}, {intr, intr}}},
		{"crosswise", "TERM>INT,INT>TERM,QUIT>QUIT", []step{{term, intr}, {quit, quit}, {intr, term}}},
		{"first and last", "1>64,64>1", []step{{1, 64}, {64, 1}}},
		{"dropped", "TERM>QUIT,INT>0,WINCH>", []step{{intr, 0}, {term, quit}, {syscall.SIGWINCH, 0}, {hup, hup}}},
		{"what would suspend", "TSTP>HUP", []step{{syscall.SIGTSTP, hup}, {hup, hup}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startInit(t, "init="+tt.flags+" print-signals", "")
			p.child(t)
			for _, step := range tt.steps {
				p.signal(t, step.sent)
				if step.got != 0 {
					p.out.expect(t, strconv.Itoa(int(step.got)))
				}
			}
		})
	}
}

// Process 1 gets only signals that it catches, and all orphans.
func TestInitOfANamespace(t *testing.T) {
	t.Parallel()
	cmd := initial.command(t, "init=reap,TERM>INT")
	cmd.Env = append(cmd.Env, scriptVar+`=(setsid sh -c "sleep 0.1; exit 1" &); trap "exit 7" INT; kill -TERM 1; while :; do sleep 0.01; done`)
	out, _ := cmd.CombinedOutput()
	if want := "reaped 1 zombies 0\n"; string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
	if code := cmd.ProcessState.ExitCode(); code != 7 {
		t.Errorf("exit code %d, want 7", code)
	}
}

// Without a terminal, an exit by SIGINT is not special.
func TestSIGINTWithoutATerminalIsNoInterruption(t *testing.T) {
	t.Parallel()
	p := startInit(t, "init=terminal,always", `echo "pid $$"; exec sleep 1000`)
	for range 2 {
		if err := syscall.Kill(p.child(t), syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
	}
	p.child(t)
}

// The child ignores the signal, and waits for a process in its group that does not.
func TestSignalIsSentOnToTheGroup(t *testing.T) {
	t.Parallel()
	p := startInit(t, "init=group", "sleep 1000 & trap : USR1; echo ready; while kill -0 $!; do wait $!; done 2>&-; exit 9")
	p.out.expect(t, "ready")
	p.signal(t, syscall.SIGUSR1)
	p.expectCode(t, 9)
}

func TestChildKeepsTheWorkingDirectory(t *testing.T) {
	t.Parallel()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	startInit(t, "init", "pwd").out.expect(t, dir)
}

func TestChildWithoutStdin(t *testing.T) {
	t.Parallel()
	p := startInit(t, "init=terminal", "cat; exit 4")
	p.expectCode(t, 4)
}

// Without a terminal there is no job control: only the child is stopped.
func TestSuspensionWithoutATerminal(t *testing.T) {
	t.Parallel()
	p := startInit(t, "init=terminal", `echo "pid $$"; exec sleep 1000`)
	child := p.child(t)
	for range 3 {
		p.signal(t, syscall.SIGTSTP)
		expectState(t, child, "T")
		p.signal(t, syscall.SIGCONT) // which the init gets
		expectState(t, child, "RS")
	}
	p.signal(t, syscall.SIGTERM)
	p.expectCode(t, 128+15)
}

// expectState waits until a process has one of the states.
func expectState(t *testing.T, pid int, states string) {
	t.Helper()
	var s stat
	eventually(func() bool {
		s, _ = readStat(pid)
		return s.state != 0 && strings.IndexByte(states, s.state) >= 0
	})
	if strings.IndexByte(states, s.state) < 0 {
		t.Fatalf("process %d is in state %c, want one of %s", pid, s.state, states)
	}
}
