// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	osexec "os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/certagent/certagent/logmsg"
)

func TestOrphansAreReaped(t *testing.T) {
	for _, tt := range []struct {
		place place
		role  string
		want  string
	}{
		{initial, "orphans=10000", "process 1: true, reaped 10000, zombies 0\n"},
		{subreaper, "orphans=100", "process 1: false, reaped 100, zombies 0\n"},
		{initial, "hidden-orphans=100", "reaped 100, zombies 1, exit code 7\n"},
		{subreaper, "hidden-orphans=100", "reaped 100, zombies 1, exit code 7\n"},
		{subreaper, "start-under-way", "reaped 0 during the start, 1 after it, exit code 7\n"},
		{subreaper, "false-alarms", "reaped 1\n"},
		{subreaper, "end", "reaped 0, zombies 1\n"},
	} {
		t.Run(tt.role+" as "+string(tt.place), func(t *testing.T) {
			t.Parallel()
			if got := runRoleAs(t, tt.place, tt.role); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// makeOrphans runs a command that forks processes, which exit after or before their
// parents.
func makeOrphans(n int) {
	script := fmt.Sprintf("i=0; while [ $i -lt %d ]; do (: &); i=$((i+1)); done", n)
	if r, err := Run(context.Background(), Command{Args: []string{"sh", "-c", script}}); err != nil {
		fmt.Println(err, r.Output)
	}
}

// startReaping returns a running reaper and a function that stops it.
func startReaping() (r *Reaper, end func()) {
	ctx, cancel := context.WithCancel(context.Background())
	r = NewReaper(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			fmt.Println(err)
		}
	}()
	return r, func() { cancel(); <-done }
}

// eventually waits until a condition is true, for a limited time.
func eventually(so func() bool) {
	for start := time.Now(); !so() && time.Since(start) < soon; {
		time.Sleep(time.Millisecond)
	}
}

// awaitReaped waits until n were reaped in all.
func awaitReaped(r *Reaper, n uint64) uint64 {
	eventually(func() bool { return r.reaped.Load() >= n })
	return r.reaped.Load()
}

func playOrphans(number string) {
	n, _ := strconv.Atoi(number)
	r, end := startReaping()
	defer end()
	makeOrphans(n)
	fmt.Printf("process 1: %t, reaped %d, zombies %d\n", isInit(), awaitReaped(r, uint64(n)), len(zombies()))
}

// playHiddenOrphans tests orphans behind a started process that has exited and that its
// owner has not waited for: waitid returns that one first.
func playHiddenOrphans(number string) {
	n, _ := strconv.Atoi(number)
	runtime.LockOSThread()
	p, err := startProcess(spec{argv: []string{"sh", "-c", "exit 7"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	p.Wait()
	r, end := startReaping()
	defer end()
	makeOrphans(n)
	reaped := awaitReaped(r, uint64(n))
	fmt.Printf("reaped %d, zombies %d, ", reaped, len(zombies()))
	fmt.Println(p.Reap())
}

// playStartUnderWay tests a process that exits before its Start has returned.
func playStartUnderWay() {
	ownChildren.starting.RLock() // as start does
	cmd := osexec.Command("sh", "-c", "exit 7")
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
	}
	r, end := startReaping()
	defer end()
	orphaned := osexec.Command("true") // not registered, like one from before an exec
	if err := orphaned.Start(); err != nil {
		fmt.Println(err)
	}
	eventually(func() bool { return len(zombies()) == 2 })
	during := r.reaped.Load()
	ownChildren.own[cmd.Process.Pid] = cmd
	ownChildren.starting.RUnlock()
	after := awaitReaped(r, 1)
	fmt.Printf("reaped %d during the start, %d after it, ", during, after)
	_ = ownChildren.wait(cmd)
	fmt.Println(exitOf(cmd.ProcessState.Sys().(syscall.WaitStatus)))
}

func playFalseAlarms() {
	r, end := startReaping()
	defer end()
	for range 100 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGCHLD)
	}
	makeOrphans(1)
	fmt.Printf("reaped %d\n", awaitReaped(r, 1))
}

func playEnd() {
	r, end := startReaping()
	end()
	makeOrphans(1)
	eventually(func() bool { return len(zombies()) == 1 })
	fmt.Printf("reaped %d, zombies %d\n", r.reaped.Load(), len(zombies()))
}

func TestNoOrphansComeHere(t *testing.T) {
	t.Parallel()
	if err := NewReaper(nil).Run(t.Context()); !errors.Is(err, ErrNoOrphans) {
		t.Errorf("Run returned %v, want ErrNoOrphans", err)
	}
}

func TestReapedOrphansAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	r := NewReaper(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	cmd := osexec.Command("sh", "-c", "exit 3") // not registered
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(func() bool { return slices.Contains(zombies(), cmd.Process.Pid) })
	if !r.reap(cmd.Process.Pid) || r.reaped.Load() != 1 {
		t.Error("not reaped")
	}
	if r.reap(cmd.Process.Pid) || r.reaped.Load() != 1 {
		t.Error("reaped twice")
	}
	if want := fmt.Sprintf(`msg="`+logmsg.OrphanReaped+`" pid=%d code=3`, cmd.Process.Pid); !strings.Contains(log.String(), want) {
		t.Errorf("the log does not say %s:\n%s", want, &log)
	}
}

// Another process with the same number stays registered.
func TestCollectForgetsItsOwnProcessOnly(t *testing.T) {
	t.Parallel()
	c := children{own: make(map[int]*osexec.Cmd)}
	cmd := osexec.Command("true")
	if err := c.start(cmd); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if !c.has(pid) {
		t.Error("not known after its start")
	}
	c.own[pid] = osexec.Command("another")
	if err := c.wait(cmd); err != nil {
		t.Fatal(err)
	}
	if !c.has(pid) {
		t.Error("another process was forgotten")
	}
	c.own[pid] = cmd
	_ = c.wait(cmd)
	if c.has(pid) {
		t.Error("still known")
	}
}

func TestChildPIDs(t *testing.T) {
	t.Parallel()
	cmd := osexec.Command("sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for name, pids := range map[string][]int{"by list": childPIDs(), "one by one": childPIDsOneByOne()} {
		if !slices.Contains(pids, cmd.Process.Pid) {
			t.Errorf("%s: %v lacks %d", name, pids, cmd.Process.Pid)
		}
		if slices.Contains(pids, os.Getpid()) || slices.Contains(pids, os.Getppid()) {
			t.Errorf("%s: %v has more than children", name, pids)
		}
	}
}
