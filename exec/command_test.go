// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func runRole(ctx context.Context, role string, timeout, killTimeout time.Duration) (Result, error) {
	return Run(ctx, Command{
		Args: []string{os.Args[0], "a-secret-argument"}, Env: as(role), Timeout: timeout, KillTimeout: killTimeout,
	})
}

func TestRun(t *testing.T) {
	program := `command "` + os.Args[0] + ` …": ` // the argument could be a secret
	tests := []struct {
		name    string
		role    string
		timeout time.Duration
		kill    time.Duration
		code    int
		output  string
		err     string // after the program
	}{
		{"succeeds", "say=hello", soon, soon, 0, "hello\n", ""},
		{"has no time-out", "say=hello", 0, 0, 0, "hello\n", ""},
		{"fails", "say=oops exit=3", soon, soon, 3, "oops\n", "exit code 3"},
		{"ends when told to", "wait=0", 2 * time.Second, soon, 0, "ready\n", "timed out after 2s"},
		{"ignores TERM", "ignore-term say=ready hang", 2 * time.Second, 10 * time.Millisecond, 137, "ready\n", "timed out after 2s"},
		{"has no kill time-out", "wait=0", 2 * time.Second, 0, 137, "ready\n", "timed out after 2s"},
		{"leaves nobody after a time-out", "fork=hang ignore-term hang", 50 * time.Millisecond, soon, 143, "", "timed out after 50ms"},
		{"forks a daemon that holds stdout", "daemon=say=done drip", soon, soon, 0, "done\n", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := runRole(t.Context(), tt.role, tt.timeout, tt.kill)
			if r.Code != tt.code || strings.TrimRight(r.Output, ".") != tt.output {
				t.Errorf("got code %d, output %q, want %d, %q", r.Code, r.Output, tt.code, tt.output)
			}
			if r.Duration <= 0 {
				t.Error("no duration")
			}
			switch {
			case tt.err == "" && err != nil:
				t.Errorf("unexpected error: %v", err)
			case tt.err != "" && (err == nil || err.Error() != program+tt.err):
				t.Errorf("got error %v, want %s%s", err, program, tt.err)
			}
		})
	}
}

func TestRunEndedBySignal(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Command{Args: []string{"sh", "-c", "kill -KILL $$"}, Timeout: soon})
	if r.Code != 137 || err == nil || err.Error() != `command "kill -KILL …": ended by SIGKILL` {
		t.Errorf("got code %d, error %v", r.Code, err)
	}
}

func TestRunKeepsTheEndOfTheOutput(t *testing.T) {
	t.Parallel()
	r, err := runRole(t.Context(), "flood say=end", soon, soon)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Output) != outputLimit || !strings.HasSuffix(r.Output, "x\nend\n") {
		t.Errorf("kept %d bytes that end in %q", len(r.Output), r.Output[max(0, len(r.Output)-10):])
	}
}

// serverThatPrints starts a server in the background that prints, and then says so.
const serverThatPrints = `(until [ -e "$1.go" ]; do sleep 0.01; done
	i=0; while [ $i -lt 20 ]; do echo line $i; i=$((i+1)); done
	head -c 4000000 /dev/zero
	echo lives > "$1.new"; mv "$1.new" "$1") & echo started`

// What a command leaves running can go on printing, while certagent runs and after it
// has ended.
func TestRunLeavesAServer(t *testing.T) {
	lives := func(t *testing.T, path string) {
		t.Helper()
		if err := os.WriteFile(path+".go", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		becomes(t, "the server lives on", func() bool { text, _ := os.ReadFile(path); return string(text) == "lives\n" })
	}
	t.Run("while it is read", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "server")
		r, err := Run(t.Context(), Command{Args: []string{"sh", "-c", serverThatPrints, "sh", path}})
		if err != nil || r.Output != "started\n" {
			t.Fatalf("got %q, %v", r.Output, err)
		}
		lives(t, path)
	})
	t.Run("after its starter has ended", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "server")
		cmd := osexec.Command(os.Args[0])
		cmd.Env = as("leave=" + path)
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%q, %v", out, err)
		}
		lives(t, path)
	})
}

// What comes after the end of a command is not its output, and the writer is not touched
// any more.
func TestRunStdoutApartEndsWithTheCommand(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	if _, err := Run(t.Context(), Command{Args: []string{"sh", "-c", "(sleep 0.5; echo late) & echo early"}, Stdout: &stdout}); err != nil {
		t.Fatal(err)
	}
	if got := stdout.String(); got != "early\n" {
		t.Errorf("got %q", got)
	}
}

func TestRunStdoutApart(t *testing.T) {
	t.Parallel()
	var stdout bytes.Buffer
	r, err := Run(t.Context(), Command{
		Args: []string{"sh", "-c", "head -c 1000000 /dev/zero; echo oops >&2"}, Timeout: soon, Stdout: &stdout,
	})
	if err != nil || stdout.Len() != 1000000 || r.Output != "oops\n" {
		t.Errorf("got %d bytes, output %q, %v", stdout.Len(), r.Output, err)
	}
}

func TestRunOutputIsText(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Command{Args: []string{"printf", `a\377b`}, Timeout: soon})
	if err != nil || r.Output != "a\uFFFDb" {
		t.Errorf("got %q, %v", r.Output, err)
	}
}

func TestRunHasNoStdin(t *testing.T) {
	t.Parallel()
	if r, err := Run(t.Context(), Command{Args: []string{"cat"}, Timeout: soon}); err != nil || r.Output != "" {
		t.Errorf("got %q, %v", r.Output, err)
	}
}

func TestRunUsesNoShell(t *testing.T) {
	t.Parallel()
	r, err := Run(t.Context(), Command{Args: []string{"echo", "$HOME;", "a, b", "*"}, Timeout: soon})
	if err != nil || r.Output != "$HOME; a, b *\n" {
		t.Errorf("got %q, %v", r.Output, err)
	}
}

func TestRunWithoutACommand(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Command{}); err == nil {
		t.Error("no error")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	cause := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
	if _, err := runRole(ctx, "hang", 0, soon); !errors.Is(err, cause) {
		t.Errorf("got %v, want the context's cause", err)
	}
	if _, err := runRole(ctx, "say=hello", 0, soon); !errors.Is(err, context.Canceled) {
		t.Errorf("started although the context had ended: %v", err)
	}
}

func TestRunSignals(t *testing.T) {
	tests := []struct {
		name    string
		command Command
		cancel  time.Duration // when the context ends, 0 never
		termAt  time.Duration // -1 never
		killAt  time.Duration
	}{
		{"time-out", Command{Timeout: 10 * time.Second, KillTimeout: 5 * time.Second}, 0, 10 * time.Second, 15 * time.Second},
		{"time-out without patience", Command{Timeout: 10 * time.Second}, 0, -1, 10 * time.Second},
		{"context ends", Command{KillTimeout: 30 * time.Second}, 3 * time.Second, 3 * time.Second, 4 * time.Second},
		{"context ends, short patience", Command{KillTimeout: time.Millisecond}, 3 * time.Second, 3 * time.Second, 3*time.Second + time.Millisecond},
		{"context ends during the patience", Command{Timeout: 10 * time.Second, KillTimeout: 30 * time.Second}, 12 * time.Second, 10 * time.Second, 13 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.cancel > 0 {
					time.AfterFunc(tt.cancel, cancel)
				}
				p := &fakeProcess{t: t, pid: 1, ended: make(chan struct{}), code: 1}
				done := make(chan error, 1)
				go func() { done <- waitOrKill(ctx, p, tt.command) }()
				if tt.termAt >= 0 {
					time.Sleep(tt.termAt - time.Nanosecond)
					p.expectSent()
					time.Sleep(time.Nanosecond)
					p.expectSent(termGroup)
					time.Sleep(tt.killAt - tt.termAt - time.Nanosecond)
				} else {
					time.Sleep(tt.killAt - time.Nanosecond)
				}
				p.expectSent()
				time.Sleep(time.Nanosecond)
				p.expectSent(sent{group, syscall.SIGKILL})
				expectPending(t, "waitOrKill", done) // until the process has exited
				p.exit(137)
				if err := <-done; err == nil {
					t.Error("no error")
				}
			})
		})
	}
}
