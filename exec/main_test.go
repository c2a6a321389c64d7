// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bufio"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// roleVar is the variable that makes the test binary another process: its words say what
// the process does.
const roleVar = "CERTAGENT_TEST_ROLE"

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Unsetenv(roleVar)
		play(strings.Fields(role))
		os.Exit(0)
	}
	hostNamespace = func() bool { return true } // no test signals the process 1 of the container that it runs in
	goleak.VerifyTestMain(m)
}

// play performs a role. The test follows its progress by its output.
func play(role []string) {
	for i, word := range role {
		verb, arg, _ := strings.Cut(word, "=")
		switch verb {
		case "exit":
			code, _ := strconv.Atoi(arg)
			os.Exit(code)
		case "ignore-term":
			signal.Ignore(syscall.SIGTERM)
		case "say":
			fmt.Println(arg)
		case "env":
			fmt.Println(os.Getenv(arg))
		case "signal-pid-file":
			if err := SignalPIDFile(arg, syscall.SIGUSR1); err != nil {
				fmt.Println(err)
			}
		case "pid":
			fmt.Println(os.Getpid())
		case "drip": // for longer than the output is collected
			for range 40 {
				time.Sleep(10 * time.Millisecond)
				fmt.Print(".")
			}
		case "leave": // a server that prints more than a pipe holds, after this process has ended
			if _, err := Run(context.Background(), Command{Args: []string{"sh", "-c", serverThatPrints, "sh", arg}}); err != nil {
				fmt.Println(err)
			}
		case "flood": // more than any pipe or buffer holds
			line := strings.Repeat("x", 1023) + "\n"
			for range 4096 {
				fmt.Print(line)
			}
		case "wait": // for a signal: USR1 is answered, TERM ends with the given code, USR2 with 12
			waitForSignals(arg)
		case "hang": // until a signal that has not been ignored
			time.Sleep(time.Hour)
		case "fork", "daemon": // a process that plays the rest, in this group or in its own session
			cmd := osexec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), roleVar+"="+strings.Join(role[i+1:], " "))
			cmd.Stdout = os.Stdout
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: verb == "daemon"}
			if err := cmd.Start(); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			play(strings.Split(arg, ","))
			return
		case "subreaper":
			if err := SetSubreaper(); err != nil {
				fmt.Println(err)
			}
		case "init": // runs the rest as its child
			playInit(arg, role[i+1:])
		case "spoil": // the rest inherits blocked and ignored signals
			spoil(strings.Join(role[i+1:], " "))
		case "print-ignored":
			printIgnored()
		case "survive":
			survive()
		case "run-script":
			runScript()
		case "stop":
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		case "unstarted":
			playUnstarted(arg)
		case "print-signals":
			printSignals()
		case "orphans":
			playOrphans(arg)
		case "hidden-orphans":
			playHiddenOrphans(arg)
		case "start-under-way":
			playStartUnderWay()
		case "false-alarms":
			playFalseAlarms()
		case "end":
			playEnd()
		case "storm":
			storm(arg, reapWell)
		case "thief":
			storm(arg, steal)
		case "agent": // starts the rest as its child and is then killed
			c := newChild(ChildConfig{Command: []string{os.Args[0]}, Stdout: os.Stdout}, startProcess)
			if err := c.Start(context.Background(), as(strings.Join(role[i+1:], " "))); err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			time.Sleep(time.Hour)
		}
	}
}

func waitForSignals(code string) {
	c := make(chan os.Signal, 8)
	signal.Notify(c, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2)
	fmt.Println("ready")
	for sig := range c {
		switch sig {
		case syscall.SIGTERM:
			n, _ := strconv.Atoi(code)
			os.Exit(n)
		case syscall.SIGUSR1:
			fmt.Println("usr1")
		case syscall.SIGUSR2:
			os.Exit(12)
		}
	}
}

// as returns the environment that makes the test binary play a role. Without GORACE the
// race detector would delay its exit by a second.
func as(role string) []string {
	return append(os.Environ(), roleVar+"="+role, "GORACE=atexit_sleep_ms=0")
}

// stdout is a pipe for the output of a process. Its reader gets EOF when every process that
// has the other end has exited.
type stdout struct {
	w     *os.File
	lines *bufio.Scanner
}

func newStdout(t *testing.T) *stdout {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	if err := r.SetReadDeadline(time.Now().Add(2 * soon)); err != nil {
		t.Fatal(err)
	}
	return &stdout{w: w, lines: bufio.NewScanner(r)}
}

func (s *stdout) line(t *testing.T) string {
	t.Helper()
	if !s.lines.Scan() {
		t.Fatalf("no more output: %v", s.lines.Err())
	}
	return s.lines.Text()
}

func (s *stdout) expect(t *testing.T, want string) {
	t.Helper()
	if got := s.line(t); got != want {
		t.Fatalf("output %q, want %q", got, want)
	}
}

// expectEnd waits for EOF.
func (s *stdout) expectEnd(t *testing.T) {
	t.Helper()
	s.w.Close()
	for s.lines.Scan() {
		t.Logf("more output: %s", s.lines.Text())
	}
	if err := s.lines.Err(); err != nil {
		t.Errorf("somebody still holds the output open: %v", err)
	}
}
