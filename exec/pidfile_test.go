// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func writePIDFile(t *testing.T, name, text string, written time.Time) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, written, written); err != nil {
		t.Fatal(err)
	}
	return path
}

// listener starts a process that answers USR1 and returns its number.
func listener(t *testing.T) (pid int, out *stdout) {
	t.Helper()
	_, out = startReal(t, ChildConfig{}, "pid wait=0")
	pid, err := strconv.Atoi(out.line(t))
	if err != nil {
		t.Fatal(err)
	}
	out.expect(t, "ready")
	return pid, out
}

func TestSignalPIDFile(t *testing.T) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		file    string
		around  string // the text around the number
		written time.Duration
		want    error
	}{
		{"plain", "web.pid", "%", 0, nil},
		{"the first of several lines", "postmaster.pid", "%\n/var/lib/postgresql/15/main\n1700000000\n5432\n/var/run/postgresql\nlocalhost\n  5432001    163840\nready\n", 0, nil},
		{"with blanks around it", "web.pid", " \t%\r\n\n", 0, nil},
		{"written long after the start", "web.pid", "%", time.Hour, nil},
		{"written a little before the start, by a coarse clock", "web.pid", "%", -time.Second, nil},
		{"written long before the start", "web.pid", "%", -time.Hour, ErrStale},
		{"the same, but it bears the process's name", filepath.Base(self) + ".pid", "%", -time.Hour, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			pid, out := listener(t)
			text := strings.ReplaceAll(tt.around, "%", strconv.Itoa(pid))
			path := writePIDFile(t, tt.file, text, time.Now().Add(tt.written))
			if err := SignalPIDFile(path, syscall.SIGUSR1); !errors.Is(err, tt.want) {
				t.Fatalf("got %v, want %v", err, tt.want)
			}
			if tt.want == nil {
				out.expect(t, "usr1")
				return
			}
			if !errors.Is(tt.want, ErrNotRunning) {
				t.Errorf("%v is not a kind of ErrNotRunning", tt.want)
			}
			// It has got no other signal before this TERM.
			if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			out.expectEnd(t)
		})
	}
}

func TestPIDFilesThatAreRefused(t *testing.T) {
	t.Parallel()
	secret := "hvs.CANARY"
	tests := []struct{ name, text, want string }{
		{"zero", "0\n", "0 is never signalled"},
		{"init", "1\n", "1 is never signalled"},
		{"everybody", "-1\n", "-1 is never signalled"},
		{"a group", "-4711", "-4711 is never signalled"},
		{"myself", strconv.Itoa(os.Getpid()), "is certagent itself"},
		{"words", secret, "the file does not hold one number"},
		{"two numbers", "12 13", "the file does not hold one number"},
		{"a fraction", "12.5", "the file does not hold one number"},
		{"hexadecimal", "0x10", "the file does not hold one number"},
		{"too large", "99999999999999999999", "the file does not hold one number"},
		{"too large for a process", "4294967298", "the file does not hold one number"},
		{"long", strings.Repeat("1", 1<<20), "the file does not hold one number"},
		{"NUL", "12\x00", "the file does not hold one number"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := SignalPIDFile(writePIDFile(t, "x.pid", tt.text, time.Now()), syscall.SIGTERM)
			if err == nil || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows what is in the file: %v", err)
			}
		})
	}
}

func TestPIDFilesThatAreNoFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo} {
		if err := SignalPIDFile(path, syscall.SIGTERM); err == nil || errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: got %v, want it refused", path, err)
		}
	}
	for name, path := range map[string]string{
		"missing": filepath.Join(dir, "none"),
		"empty":   writePIDFile(t, "x.pid", "", time.Now()),
		"blank":   writePIDFile(t, "x.pid", " \n", time.Now()),
	} {
		if err := SignalPIDFile(path, syscall.SIGTERM); !errors.Is(err, ErrNotRunning) {
			t.Errorf("%s: got %v, want ErrNotRunning", name, err)
		}
	}
}

func TestPIDFileOfAnEndedProcess(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	p, err := startProcess(spec{argv: []string{"true"}})
	if err != nil {
		t.Fatal(err)
	}
	path := writePIDFile(t, "x.pid", strconv.Itoa(p.PID()), time.Now())
	p.Wait()
	if err := SignalPIDFile(path, syscall.SIGTERM); !errors.Is(err, ErrNotRunning) {
		t.Errorf("zombie: got %v, want ErrNotRunning", err)
	}
	p.Reap()
	if err := SignalPIDFile(path, syscall.SIGTERM); !errors.Is(err, ErrNotRunning) {
		t.Errorf("reaped: got %v, want ErrNotRunning", err)
	}
}

// Threads and processes share one range of numbers: a signal to a thread would reach its
// whole process.
func TestPIDFileWithAThreadsNumber(t *testing.T) {
	t.Parallel()
	pid, out := listener(t)
	threads, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*")
	if err != nil || len(threads) < 2 {
		t.Fatalf("threads %v, %v, want several", threads, err)
	}
	for _, dir := range threads {
		id := filepath.Base(dir)
		if id == strconv.Itoa(pid) {
			continue
		}
		path := writePIDFile(t, "x.pid", id, time.Now())
		if err := SignalPIDFile(path, syscall.SIGTERM); !errors.Is(err, ErrStale) {
			t.Errorf("got %v, want ErrStale", err)
		}
	}
	if err := SignalPIDFile(writePIDFile(t, "x.pid", strconv.Itoa(pid), time.Now()), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	out.expect(t, "usr1")
}

func TestPIDFileOfAnotherUsersProcess(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	pid, _ := listener(t)
	file, err := os.CreateTemp("", "*.pid") // t.TempDir is closed to others
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(strconv.Itoa(pid)); err != nil {
		t.Fatal(err)
	}
	if err := file.Chmod(0o644); err != nil {
		t.Fatal(err)
	}
	file.Close()

	got := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: this thread stays nobody until it ends
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			got <- errno
			return
		}
		got <- SignalPIDFile(file.Name(), syscall.SIGUSR1)
	}()
	err = <-got
	if !errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), "CAP_KILL") {
		t.Errorf("got %v, want a refusal with a hint", err)
	}
}
