// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

// session is a process that leads a session on a pseudo-terminal, of which the test has
// the other end.
type session struct {
	t      *testing.T
	cmd    *osexec.Cmd
	master *os.File
	seen   []byte // what it printed, and the terminal echoed
	read   int    // how much of that was expected
}

// newSession starts a program on a new terminal. The role and the script are
// those of an init that it is, or that it will start.
func newSession(t *testing.T, role, script string, program ...string) *session {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer slave.Close()

	s := &session{t: t, master: master, cmd: osexec.Command(program[0], program[1:]...)}
	s.cmd.Env = append(as(role), scriptVar+"="+script, "PS1=$ ", "INIT="+os.Args[0])
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for pid, p := range allProcesses() { // a shell leaves its jobs behind
			if p.session == s.cmd.Process.Pid {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		_ = s.cmd.Wait()
		if t.Failed() {
			t.Logf("on the terminal:\n%s", s.seen)
		}
	})
	return s
}

func (s *session) write(text string) {
	s.t.Helper()
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until a text was printed, after what was expected before.
func (s *session) expect(text string) {
	s.t.Helper()
	buf := make([]byte, 1024)
	for {
		if i := bytes.Index(s.seen[s.read:], []byte(text)); i >= 0 {
			s.read += i + len(text)
			return
		}
		n, err := s.next(buf)
		s.seen = append(s.seen, buf[:n]...)
		if err != nil {
			s.t.Fatalf("%q does not come: %v", text, err)
		}
	}
}

func (s *session) next(buf []byte) (int, error) {
	fds := []unix.PollFd{{Fd: int32(s.master.Fd()), Events: unix.POLLIN}}
	for end := time.Now().Add(soon); ; {
		n, err := unix.Poll(fds, int(time.Until(end).Milliseconds()))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, fmt.Errorf("nothing within %v", soon)
		default:
			return s.master.Read(buf) // EIO if nobody has it open any more
		}
	}
}

// pid reads the number that follows the word pid.
func (s *session) pid() int {
	s.t.Helper()
	s.expect("pid ")
	start := s.read
	s.expect("\r\n")
	pid, err := strconv.Atoi(string(s.seen[start : s.read-2]))
	if err != nil {
		s.t.Fatal(err)
	}
	return pid
}

func (s *session) expectCode(want int) {
	s.t.Helper()
	_ = s.cmd.Wait()
	if got := exitOf(s.cmd.ProcessState.Sys().(syscall.WaitStatus)); got.Code != want {
		s.t.Errorf("ended with %v, want exit code %d", got, want)
	}
}

func TestChildReadsFromTheTerminal(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal", "read line; echo got-$line; exit 6", os.Args[0])
	s.write("hello\n")
	s.expect("got-hello")
	s.expect("terminal is ours again: true")
	s.expectCode(6)
}

func TestShellAsTheChildHasJobControl(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal", "exec sh -i", os.Args[0])
	s.write("echo flags:$-:\n")
	s.expect("flags:")
	s.expect("flags:") // after the echo
	start := s.read
	s.expect(":")
	if flags := string(s.seen[start:s.read]); !strings.Contains(flags, "m") {
		t.Errorf("the shell's flags %q lack m, for job control", flags)
	}
	s.write("exit 0\n")
	s.expect("terminal is ours again: true")
	s.expectCode(0)
}

// The init leads its session. It need not detach itself from the terminal, so
// nobody gets the SIGHUP and SIGCONT that would come of that.
func TestHandingOverTheTerminalSendsNoSignal(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal print-signals", "", os.Args[0])
	child := s.pid()
	for _, pid := range []int{s.cmd.Process.Pid, child} {
		if err := syscall.Kill(pid, syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		start := s.read
		s.expect("10\r\n")
		if got := string(s.seen[start:s.read]); got != "10\r\n" {
			t.Errorf("more signals than the one that was sent: %q", got)
		}
	}
}

// The init would not pass it on.
func TestCtrlCEndsTheChild(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal,INT>0", "echo ready; exec sleep 1000", os.Args[0])
	s.expect("ready")
	s.write(ctrlC)
	s.expect("terminal is ours again: true")
	s.expectCode(130)
}

func TestChildThatIsStartedAgainHasTheTerminal(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal,always", `echo ready; read line; echo "got-$line"; exit 3`, os.Args[0])
	for _, word := range []string{"one", "two"} {
		s.expect("ready")
		s.write(word + "\n")
		s.expect("got-" + word)
	}
	s.expect("ready")
	s.write(ctrlC) // who sits there wants an end, whatever the policy
	s.expect("terminal is ours again: true")
	s.expectCode(130)
}

// The init passes it on.
func TestCtrlCWithoutATerminalForTheChild(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init", "echo ready; exec sleep 1000", os.Args[0])
	s.expect("ready")
	s.write(ctrlC)
	s.expectCode(130)
}

func TestTerminalIsTakenBackFromAChildThatCannotStart(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("just text"), 0o755); err != nil {
		t.Fatal(err)
	}
	s := newSession(t, "unstarted="+text, "", os.Args[0])
	s.expect("not in an executable format")
	s.expect("terminal is ours: true")
	s.expectCode(0)
}

func playUnstarted(program string) {
	_, err := startProcess(spec{argv: []string{program}, stdin: os.Stdin, followed: true})
	fmt.Println(err)
	fmt.Println("terminal is ours:", controllingTerminal(os.Stdin).ours())
}

// Under a shell with job control Ctrl-Z gives the terminal back to the shell.
func TestCtrlZ(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal", `echo "pid $PPID"; echo "pid $$"; while read line; do echo "got-$line"; done; exit 5`, "sh", "-i")
	s.write("$INIT\n")
	agent, child := s.pid(), s.pid()
	for range 2 {
		s.write(ctrlZ)
		s.expect("Stopped")
		s.expect("$ ") // the shell's prompt
		expectState(t, agent, "T")
		expectState(t, child, "T")
		s.write("fg\n")
		expectState(t, agent, "RS")
		expectState(t, child, "RS")
		s.write("hello\n")
		s.expect("got-hello")
	}

	// In the background it must not read; when it tries, it is stopped.
	s.write(ctrlZ)
	s.expect("Stopped")
	s.expect("$ ")
	s.write("bg\n")
	s.expect("bg\r\n")
	mark := s.read
	eventually(func() bool { // a shell tells of that before a prompt
		s.write("\n")
		s.expect("$ ")
		return bytes.Contains(s.seen[mark:s.read], []byte("Stopped"))
	})
	expectState(t, agent, "T")
	s.write("fg\n")
	expectState(t, agent, "RS")
	s.write("again\n")
	s.expect("got-again")

	s.write("\x04") // the end of the input
	s.expect("terminal is ours again: true")
	s.expect("$ ")
	s.write("echo code-$?\n")
	s.expect("code-5")
	s.write("exit 0\n")
	s.expectCode(0)
}

// SIGTSTP is sent to the init, not by the terminal.
func TestSuspensionBySignal(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal", `echo "pid $PPID"; echo "pid $$"; exec sleep 1000`, "sh", "-i")
	s.write("$INIT\n")
	agent, child := s.pid(), s.pid()
	if err := syscall.Kill(agent, syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	expectState(t, child, "T")
	expectState(t, agent, "T")
	if err := syscall.Kill(agent, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	expectState(t, agent, "RS")
	expectState(t, child, "RS")
}

func TestCtrlZWithoutAChild(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=idle", `echo "pid $PPID"; echo "pid $$"`, "sh", "-i")
	s.write("$INIT\n")
	agent, child := s.pid(), s.pid()
	eventually(func() bool { _, err := readStat(child); return err != nil })
	for range 2 {
		s.write(ctrlZ)
		s.expect("suspending")
		s.expect("Stopped")
		expectState(t, agent, "T")
		s.write("fg\n")
		s.expect("resumed")
	}
}

// A child that was started in the background gets the terminal with fg.
func TestStartInTheBackground(t *testing.T) {
	t.Parallel()
	s := newSession(t, "init=terminal", `echo "pid $PPID"; echo "pid $$"; read line; echo "got-$line"`, "sh", "-i")
	s.write("$INIT &\n")
	agent, child := s.pid(), s.pid()
	expectState(t, child, "T") // it wants to read
	expectState(t, agent, "T")
	s.write("fg\n")
	expectState(t, child, "RS")
	s.write("hello\n")
	s.expect("got-hello")
	s.expect("terminal is ours again: true")
}

// A child that was started in the background and reads only when it is in the
// foreground is not suspended for that.
func TestTerminalComesWithTheFirstRead(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "flag")
	script := `echo "pid $PPID"; until [ -e ` + flag + ` ]; do sleep 0.01; done; read line; echo "got-$line"`
	s := newSession(t, "init=terminal", script, "sh", "-i")
	s.write("$INIT &\n")
	agent := s.pid()
	s.write("fg\n")
	eventually(func() bool {
		pgrp, err := unix.IoctlGetInt(int(s.master.Fd()), unix.TIOCGPGRP)
		return err == nil && pgrp == agent
	})
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.write("hello\n")
	s.expect("got-hello")
	s.expect("terminal is ours again: true")
}

// Nobody could resume us, so the child goes on.
func TestCtrlZWithoutAShell(t *testing.T) {
	t.Parallel()
	script := `trap "echo resumed" CONT; echo ready; read line || read line; echo "got-$line"; exit 5` // the trap cuts a read short
	s := newSession(t, "init=terminal", script, os.Args[0])
	s.expect("ready")
	s.write(ctrlZ)
	s.expect("resumed")
	s.write("hello\n")
	s.expect("got-hello")
	s.expectCode(5)
}
