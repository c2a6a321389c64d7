// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Processes begin with default signals, whatever certagent inherited.
func TestProcessesGetDefaultSignals(t *testing.T) {
	t.Parallel()
	const clean = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\nSigCgt:\t0000000000000000\n"
	for _, tt := range []struct{ name, role string }{
		{"a child", "init"},
		{"a child of a spoiled certagent", "spoil init"},
		{"a command of a spoiled certagent", "spoil run-script"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := startInit(t, tt.role, "exec cat /proc/self/status")
			var got strings.Builder
			for p.out.lines.Scan() {
				if line := p.out.lines.Text(); strings.HasPrefix(line, "Sig") && !strings.HasPrefix(line, "SigQ") && !strings.HasPrefix(line, "SigPnd") {
					fmt.Fprintln(&got, line)
				}
			}
			if got.String() != clean {
				t.Errorf("got\n%swant\n%s", &got, clean)
			}
			p.expectCode(t, 0)
		})
	}
}

// spoil blocks and ignores signals and executes another program, which inherits that.
func spoil(role string) {
	ignored := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCHLD, syscall.SIGUSR1, syscall.SIGCONT}
	signal.Ignore(ignored...)
	runtime.LockOSThread()
	var blocked unix.Sigset_t
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGQUIT, syscall.SIGTTIN, syscall.SIGUSR2, 40} {
		blocked.Val[0] |= 1 << (sig - 1)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &blocked, nil); err != nil {
		fmt.Println(err)
	}
	fmt.Println(syscall.Exec(os.Args[0], os.Args, append(os.Environ(), roleVar+"="+role)))
}

func TestSpoil(t *testing.T) {
	t.Parallel()
	// The Go runtime installs handlers for most signals.
	p := startInit(t, "spoil print-ignored", "")
	p.out.expect(t, "[SIGHUP SIGINT SIGCONT SIGTSTP SIGTTIN SIGTTOU]")
	p.out.expect(t, "blocked: true")
}

func printIgnored() {
	var names []string
	for _, sig := range ignoredSignals() {
		names = append(names, SignalName(sig))
	}
	fmt.Println(names)
	var mask unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	fmt.Println("blocked:", mask.Val[0]&(1<<(syscall.SIGUSR2-1)) != 0)
}

// The thread keeps its mask, and ignored signals still have no effect in this process.
func TestStartingAProcessChangesNothingHere(t *testing.T) {
	t.Parallel()
	p := startInit(t, "spoil survive", "true")
	p.out.expect(t, "blocked: true, ignored: []")
	p.out.expect(t, "alive")
}

func survive() {
	runtime.LockOSThread()
	_, err := Run(context.Background(), Command{Args: []string{"true"}})
	var mask unix.Sigset_t
	_ = unix.PthreadSigmask(unix.SIG_BLOCK, nil, &mask)
	fmt.Printf("blocked: %t, ignored: %v\n", mask.Val[0]&(1<<(syscall.SIGUSR2-1)) != 0, ignoredSignals())
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT} {
		_ = syscall.Kill(os.Getpid(), sig)
	}
	if err == nil {
		fmt.Println("alive")
	}
}

func runScript() {
	r, err := Run(context.Background(), Command{Args: []string{"sh", "-c", os.Getenv(scriptVar)}})
	fmt.Print(r.Output)
	if err != nil {
		fmt.Println(err)
	}
}

func TestForwardable(t *testing.T) {
	t.Parallel()
	all := Forwardable()
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2,
		syscall.SIGALRM, syscall.SIGWINCH, syscall.SIGTSTP, syscall.SIGCONT, syscall.SIGPWR, syscall.Signal(35), syscall.Signal(64)} {
		if !slices.Contains(all, sig) {
			t.Errorf("lacks %v", sig)
		}
	}
	for _, sig := range []os.Signal{syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGPIPE, syscall.SIGURG, syscall.SIGABRT,
		syscall.SIGSEGV, syscall.SIGTTIN, syscall.SIGTTOU, syscall.Signal(0), syscall.Signal(32), syscall.Signal(65)} {
		if slices.Contains(all, sig) {
			t.Errorf("has %v", sig)
		}
	}
}
