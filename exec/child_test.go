// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

// soon is the time limit for real processes. Only a test that fails waits for it.
const soon = 30 * time.Second

func startReal(t *testing.T, cfg ChildConfig, role string) (*child, *stdout) {
	t.Helper()
	out := newStdout(t)
	cfg.Command = []string{os.Args[0], "a-secret-argument"}
	cfg.Stdout = out.w
	c := newChild(cfg, startProcess)
	t.Cleanup(func() {
		if _, err := c.Kill(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := c.Start(t.Context(), as(role)); err != nil {
		t.Fatal(err)
	}
	return c, out
}

func stopReal(t *testing.T, c *child) Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), soon)
	defer cancel()
	e, err := c.Stop(ctx)
	if err != nil {
		t.Fatal(err)
	}
	e.Lived = 0 // not compared
	return e
}

func TestChildStops(t *testing.T) {
	tests := []struct {
		name  string
		role  string
		ready string
		cfg   ChildConfig
		want  Exit
	}{
		{"when asked", "wait=7", "ready", ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, Exit{Code: 7}},
		{"by the signal", "say=ready hang", "ready", ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon},
			Exit{Code: 143, Signal: syscall.SIGTERM}},
		{"by another signal", "wait=7", "ready", ChildConfig{StopSignal: syscall.SIGUSR2, KillTimeout: soon},
			Exit{Code: 12}},
		{"although it ignores the signal", "ignore-term say=ready hang", "ready",
			ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: 10 * time.Millisecond},
			Exit{Code: 137, Signal: syscall.SIGKILL}},
		{"without a signal", "wait=7", "ready", ChildConfig{KillTimeout: 10 * time.Millisecond},
			Exit{Code: 137, Signal: syscall.SIGKILL}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, out := startReal(t, tt.cfg, tt.role)
			out.expect(t, tt.ready)
			if !c.Running() {
				t.Error("not Running")
			}
			if got := stopReal(t, c); got != tt.want {
				t.Errorf("Stop returned %v, want %v", got, tt.want)
			}
			out.expectEnd(t)
		})
	}
}

// A suspended process handles no signal but SIGKILL until it is resumed.
func TestChildThatHasStoppedItselfStops(t *testing.T) {
	t.Parallel()
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, "pid stop wait=7")
	pid, err := strconv.Atoi(out.line(t))
	if err != nil {
		t.Fatal(err)
	}
	expectState(t, pid, "T")
	if got := stopReal(t, c); got.Code != 7 && got.Signal != syscall.SIGTERM { // it may come before the handler
		t.Errorf("Stop returned %v, want what comes of SIGTERM", got)
	}
}

func TestChildExitsByItself(t *testing.T) {
	for _, code := range []int{0, 1, 77, 255} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			t.Parallel()
			c, _ := startReal(t, ChildConfig{}, "exit="+strconv.Itoa(code))
			if got := <-c.Exited(); got.Code != code || got.Signal != 0 || got.Lived <= 0 || got.Err != nil {
				t.Errorf("Exited delivered %v, want %d", got, code)
			}
			if c.Running() {
				t.Error("Running after its exit")
			}
			if got := stopReal(t, c); got.Code != code {
				t.Errorf("Stop returned %v, want %d", got, code)
			}
		})
	}
}

func TestNothingOfTheGroupOutlivesTheChild(t *testing.T) {
	stubborn := ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: 50 * time.Millisecond}
	patient := ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}
	tests := []struct {
		name string
		cfg  ChildConfig
		role string // the first word is the child's, the rest that of a process in its group
	}{
		{"the other ends when asked", patient, "fork=wait wait=0"},
		{"the other ends by the signal", patient, "fork=wait say=ready hang"},
		{"the other ignores the signal", stubborn, "fork=wait ignore-term say=ready hang"},
		{"both ignore the signal", stubborn, "fork=ignore-term,say=ready,hang ignore-term say=ready hang"},
		{"all are signalled at once", ChildConfig{StopSignal: syscall.SIGTERM, StopGroup: true, KillTimeout: soon},
			"fork=wait wait=0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, out := startReal(t, tt.cfg, tt.role)
			out.expect(t, "ready")
			out.expect(t, "ready")
			stopReal(t, c)
			out.expectEnd(t) // only when both have closed their stdout
		})
	}
}

func TestChildExitTakesItsGroupAlong(t *testing.T) {
	t.Parallel()
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, "fork=exit=3 say=ready hang")
	if got := <-c.Exited(); got.Code != 3 {
		t.Errorf("Exited delivered %v, want exit code 3", got)
	}
	out.expectEnd(t)
}

func TestDaemonThatHoldsStdoutHoldsUpNothing(t *testing.T) {
	t.Parallel()
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, "daemon=exit=0 pid hang")
	if got := <-c.Exited(); got.Code != 0 {
		t.Errorf("Exited delivered %v, want exit code 0", got)
	}
	stopReal(t, c)
	pid, err := strconv.Atoi(out.line(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("the daemon, which had left the group, is gone: %v", err)
	}
	out.expectEnd(t)
}

func TestChildGetsSignalsAndLivesOn(t *testing.T) {
	t.Parallel()
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, "wait=0")
	out.expect(t, "ready")
	for range 2 {
		if err := c.Signal(t.Context(), syscall.SIGUSR1); err != nil {
			t.Fatal(err)
		}
		out.expect(t, "usr1")
	}
	if got := stopReal(t, c); got.Code != 0 {
		t.Errorf("Stop returned %v, want exit code 0", got)
	}
}

func TestRestartGivesTheNewProcessItsEnvironment(t *testing.T) {
	t.Parallel()
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: soon}, "wait=0")
	out.expect(t, "ready")
	if err := c.Restart(t.Context(), append(as("env=COLOUR wait=0"), "COLOUR=green")); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "green")
	out.expect(t, "ready")
	stopReal(t, c)
	out.expectEnd(t)
}

// The kernel kills a child when the thread that started it exits. The threads of a Go
// program may exit at any time.
func TestChildOutlivesTheThreadOfItsCaller(t *testing.T) {
	t.Parallel()
	out := newStdout(t)
	c := newChild(ChildConfig{Command: []string{os.Args[0]}, Stdout: out.w}, startProcess)
	defer c.Kill(context.Background())
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		started <- c.Start(context.Background(), as("wait=0"))
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	out.expect(t, "ready")
	for range 20 { // start and exit more threads
		ended := make(chan struct{})
		go func() { runtime.LockOSThread(); close(ended) }()
		<-ended
	}
	if err := c.Signal(t.Context(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "usr1")
}

func TestChildDiesWithCertagent(t *testing.T) {
	t.Parallel()
	// The child plays an agent, which starts a child of its own.
	c, out := startReal(t, ChildConfig{StopSignal: syscall.SIGKILL, KillTimeout: soon}, "agent ignore-term say=ready hang")
	out.expect(t, "ready")
	stopReal(t, c) // kills the agent alone: its child is in another group
	out.expectEnd(t)
}

func TestChildThatCannotStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	tests := []struct {
		name    string
		command string
		code    int
		want    string // after the program's name
	}{
		{"not in PATH", "no-such-program", 127, "not found in PATH"},
		{"no such file", filepath.Join(dir, "missing"), 127, "no such program, or its interpreter is missing"},
		{"no interpreter", write("lost", "#!/no/such/interpreter\n", 0o755), 127, "no such program, or its interpreter is missing"},
		{"not executable", write("plain", "x", 0o644), 126, "not executable for the user that runs certagent"},
		{"a directory", dir, 126, "not executable for the user that runs certagent"},
		{"not a program", write("text", "just text", 0o755), 126,
			"not in an executable format; a script begins with #! and its interpreter"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := "starting " + strconv.Quote(tt.command) + ": " + tt.want
			check := func(who string, err error) {
				t.Helper()
				var start *StartError
				if !errors.As(err, &start) || start.Code != tt.code || err.Error() != want {
					t.Errorf("%s returned %v, want code %d: %s", who, err, tt.code, want)
				}
			}
			args := []string{tt.command, "a-secret-argument"}
			c := newChild(ChildConfig{Command: args}, startProcess)
			check("Start", c.Start(t.Context(), nil))
			if c.Running() {
				t.Error("Running")
			}
			stopReal(t, c)

			r, err := Run(t.Context(), Command{Args: args})
			check("Run", err)
			if r.Code != tt.code {
				t.Errorf("Run's result has code %d, want %d", r.Code, tt.code)
			}
		})
	}
}

// A child that exits while it is signalled and restarted from several sides.
func TestChildUnderFire(t *testing.T) {
	t.Parallel()
	c, _ := startReal(t, ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: 5 * time.Millisecond}, "exit=1")
	ctx := t.Context()
	done := make(chan struct{})
	attack := func(f func() error, allowed ...error) {
		defer func() { done <- struct{}{} }()
		for range 25 {
			err := f()
			for _, a := range allowed {
				if errors.Is(err, a) {
					err = nil
				}
			}
			if err != nil {
				t.Errorf("unexpected: %v", err)
			}
		}
	}
	go attack(func() error { return c.Restart(ctx, as("exit=1")) }, ErrNotRunning)
	go attack(func() error { return c.Restart(ctx, as("say=ready wait=0")) }, ErrNotRunning)
	go attack(func() error { return c.Signal(ctx, syscall.SIGTERM) }, ErrNotRunning)
	go attack(func() error { return c.Start(ctx, as("hang")) }, errRunning)
	for ended := 0; ended < 4; {
		select {
		case <-done:
			ended++
		case <-c.Exited():
		}
	}
	stopReal(t, c)
}

func TestLogsNameTheProgramAlone(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	cfg := ChildConfig{StopSignal: syscall.SIGTERM, KillTimeout: 10 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	c, out := startReal(t, cfg, "fork=ignore-term,say=ready,hang ignore-term say=ready hang")
	out.expect(t, "ready")
	out.expect(t, "ready")
	stopReal(t, c)
	for _, want := range []string{logmsg.ChildStarted, logmsg.ChildStopping, "killing it", logmsg.ChildExited} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "a-secret-argument") || strings.Contains(log.String(), roleVar) {
		t.Errorf("the log shows an argument or a variable:\n%s", log.String())
	}
}
