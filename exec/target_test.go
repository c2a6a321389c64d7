// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program starts a program that is killed at the end of the test.
func program(t *testing.T, uid int, args ...string) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command(args[0], args[1:]...)
	if uid > 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// becomes waits for a condition that comes by itself.
func becomes(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(soon); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A signal that would end its target is held; all others are sent.
func TestSignalThatWouldEndItsTarget(t *testing.T) {
	tests := []struct {
		name    string
		command []string
		sig     syscall.Signal
		held    bool
	}{
		{"no handler", []string{"sleep", "4711"}, syscall.SIGHUP, true},
		{"no handler, another signal", []string{"sleep", "4711"}, syscall.SIGUSR1, true},
		{"no handler, a real-time signal", []string{"sleep", "4711"}, firstRealtime + 1, true},
		{"a shell as wrapper", []string{"sh", "-c", "sleep 4711; :"}, syscall.SIGHUP, true},
		{"ignored", []string{"env", "--ignore-signal=HUP", "sleep", "4711"}, syscall.SIGHUP, false},
		{"blocked", []string{"env", "--block-signal=HUP", "sleep", "4711"}, syscall.SIGHUP, false},
		{"caught", []string{"sh", "-c", "trap : HUP; while :; do sleep 0.01; done"}, syscall.SIGHUP, false},
		{"meant to end it", []string{"sleep", "4711"}, syscall.SIGTERM, false},
		{"ignored by default", []string{"sleep", "4711"}, syscall.SIGWINCH, false},
		{"caught by a program with threads", []string{os.Args[0]}, syscall.SIGUSR1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var pid int
			if tt.command[0] == os.Args[0] {
				pid, _ = listener(t)
			} else {
				pid = program(t, 0, tt.command...).Process.Pid
			}
			path := writePIDFile(t, "x.pid", strconv.Itoa(pid)+"\n", time.Now())
			var held *HeldError
			if tt.held {
				err := SignalPIDFile(path, tt.sig)
				if !errors.As(err, &held) || held.PID != pid || held.Signal != tt.sig || !strings.Contains(err.Error(), "does not catch "+SignalName(tt.sig)+", which would end it") {
					t.Errorf("got %v, want it held", err)
				}
				if s, err := readStat(pid); err != nil || !s.alive() {
					t.Errorf("it has ended: %v", err)
				}
				return
			}
			// A program that has just started has not set its signals up yet.
			becomes(t, "the signal is sent", func() bool { return !errors.As(SignalPIDFile(path, tt.sig), &held) })
		})
	}
}

func TestPIDFileOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can give files away")
	}
	const nobody, daemon = 65534, 1
	ours, his := program(t, 0, "sleep", "4711"), program(t, nobody, "sleep", "4711")
	dir, err := os.MkdirTemp("", "pidfile") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	file := func(name string, pid, owner int) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.WriteFile(path, []byte(strconv.Itoa(pid)+"\n"), 0o644), os.Chown(path, owner, owner)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	link := func(name, to string, owner int) string {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.Symlink(to, path), os.Lchown(path, owner, owner)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	roots := file("roots.pid", ours.Process.Pid, 0)
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		ok         bool
	}{
		{"root names root's", roots, true},
		{"root names nobody's", file("his.pid", his.Process.Pid, 0), true},
		{"nobody names his own", file("own.pid", his.Process.Pid, nobody), true},
		{"nobody names root's", file("foreign.pid", ours.Process.Pid, nobody), false},
		{"daemon names nobody's", file("daemon.pid", his.Process.Pid, daemon), false},
		{"nobody's link to root's file", link("link.pid", roots, nobody), false},
		{"root's link to root's file", link("good.pid", "roots.pid", 0), true},
		{"nobody's link on the way", filepath.Join(link("way", dir, nobody), "roots.pid"), false},
		{"root's link on the way", filepath.Join(link("alias", "run/..", 0), "roots.pid"), true},
	} {
		_, err := FindPIDFile(c.path)
		if (err == nil) != c.ok || errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: %v, want it accepted: %v", c.name, err, c.ok)
		}
	}
}

// The number 1 in a container is that of the program that it runs, whatever the age of
// the file, which may be part of the image; on a host it is that of the init system.
func TestPIDFileOfAnImage(t *testing.T) {
	if err := namespaces(); err != nil {
		t.Skip(err)
	}
	path := writePIDFile(t, "x.pid", "1", time.Now().Add(-1000*time.Hour))
	// Process 1 is the shell, which catches USR1; the role signals it.
	script := `trap 'echo told; exit 0' USR1; "$0"; while :; do sleep 0.01; done`
	ctx, cancel := context.WithTimeout(t.Context(), soon)
	defer cancel()
	args := append(unshare[1:len(unshare):len(unshare)], "sh", "-c", script, os.Args[0])
	cmd := osexec.CommandContext(ctx, unshare[0], args...)
	cmd.Env = as("signal-pid-file=" + path)
	out, err := cmd.CombinedOutput()
	if err != nil || string(out) != "told\n" {
		t.Errorf("got %q, %v", out, err)
	}
}

func TestPIDFileSaysWhoseProcessItIs(t *testing.T) {
	t.Parallel()
	p := program(t, 0, "sleep", "4711")
	becomes(t, "it is sleep", func() bool { s, err := readStat(p.Process.Pid); return err == nil && s.name == "sleep" })
	_, err := FindPIDFile(writePIDFile(t, "web.pid", strconv.Itoa(p.Process.Pid)+"\n", time.Now().Add(-time.Hour)))
	if want := "process " + strconv.Itoa(p.Process.Pid) + " (sleep) started 1h0m"; !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	if _, err := FindPIDFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, ErrNoPIDFile) || !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNoPIDFile", err)
	}
}

// A number without a line break may be half of one.
func TestPIDFileThatIsBeingWritten(t *testing.T) {
	t.Parallel()
	p := program(t, 0, "sleep", "4711")
	path := writePIDFile(t, "web.pid", "4194303", time.Now())
	time.AfterFunc(settling/2, func() { _ = os.WriteFile(path, []byte(strconv.Itoa(p.Process.Pid)+"\n"), 0o644) })
	if pid, err := FindPIDFile(path); err != nil || pid != p.Process.Pid {
		t.Errorf("got %d, %v", pid, err)
	}
}

func TestStartedSince(t *testing.T) {
	t.Parallel()
	before := Moment()
	time.Sleep(2 * tick) // the kernel counts a process's start in ticks
	p := program(t, 0, "sleep", "4711")
	after := Moment()
	boot, _, _ := strings.Cut(before, "/")
	for _, c := range []struct {
		name, moment string
		pid          int
		want         bool
	}{
		{"before it", before, p.Process.Pid, true},
		{"after it", after, p.Process.Pid, false},
		{"an earlier boot", "another/1", p.Process.Pid, true},
		{"unknown", "", p.Process.Pid, false},
		{"malformed", boot, p.Process.Pid, false},
		{"malformed number", boot + "/x", p.Process.Pid, false},
		{"nobody", before, 1 << 30, false},
	} {
		if got := StartedSince(c.pid, c.moment); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

// A daemon may have started after the publication, and have read the files before: a
// server reads them, forks, and the parent ends.
func TestStartedSinceOfADaemon(t *testing.T) {
	t.Parallel()
	before := Moment()
	time.Sleep(2 * tick)
	path := filepath.Join(t.TempDir(), "pid")
	program(t, 0, "sh", "-c", `(while :; do sleep 0.01; done) & echo $! > "$1.new"; mv "$1.new" "$1"; wait`, "sh", path)
	var pid int
	becomes(t, "the daemon runs", func() bool {
		text, _ := os.ReadFile(path)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		return pid > 0
	})
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	if StartedSince(pid, before) {
		t.Error("it is taken to have read what its parent has read before")
	}
}

// The wall clock was set, once forward by an hour and once back by two: a process is
// taken to have started at the earliest time that the clock may have shown.
func TestWallClockThatWasSet(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	const minute, hour = time.Minute, time.Hour
	var w wallClock
	w.note(10*minute, at)
	w.note(11*minute, at.Add(time.Millisecond)) // no step
	w.note(20*minute, at.Add(hour))
	w.note(30*minute, at.Add(-hour))
	for _, c := range []struct {
		started time.Duration
		want    time.Time
	}{
		{5 * minute, at.Add(5 * minute)},
		{15 * minute, at.Add(15 * minute)},
		{25 * minute, at.Add(-hour + 25*minute)},
		{35 * minute, at.Add(-hour + 35*minute)},
	} {
		if got := w.earliest(c.started); !got.Equal(c.want) {
			t.Errorf("started %v after the boot: got %v, want %v", c.started, got, c.want)
		}
	}
	for i := range 3 * mostSteps {
		w.note(hour, at.Add(time.Duration(i)*hour))
	}
	if len(w.steps) != mostSteps {
		t.Errorf("%d steps are kept", len(w.steps))
	}
}

func TestChildTell(t *testing.T) {
	t.Parallel()
	c := newChild(ChildConfig{Command: []string{"sleep", "4711"}}, startProcess)
	t.Cleanup(func() { _, _ = c.Kill(context.Background()) })
	if err := c.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	var held *HeldError
	if err := c.Tell(t.Context(), syscall.SIGHUP); !errors.As(err, &held) || held.Name == "" || held.PID == 0 {
		t.Errorf("got %v, want it held", err)
	}
	if !c.Running() {
		t.Error("it has ended")
	}
	if err := c.Tell(t.Context(), syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if exit := <-c.Exited(); exit.Signal != syscall.SIGTERM {
		t.Errorf("got %v", exit)
	}
	if err := c.Tell(t.Context(), syscall.SIGHUP); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v, want ErrNotRunning", err)
	}
}
