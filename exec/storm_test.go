// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

const (
	stormWorkers   = 8
	stormProcesses = 800 // in a round, and as many orphans
)

// Processes exit at random times with random codes, and each leaves an orphan that exits
// at a random time: as children and as commands, with a reaper, in ten rounds.
func TestNoExitCodeIsLost(t *testing.T) {
	t.Parallel()
	where := initial // whose /proc is small
	if namespaces() != nil {
		where = subreaper
	}
	want := strings.Repeat("lost 0, orphans 800, zombies 0\n", 10)
	if got := runRoleAs(t, where, "storm=10"); got != want {
		t.Errorf("got\n%s", got)
	}
}

// The test detects a reaper that reaps started processes.
func TestStormFindsAThief(t *testing.T) {
	t.Parallel()
	var lost int
	out := runRoleAs(t, subreaper, "thief=1")
	if _, err := fmt.Sscanf(out, "lost %d,", &lost); err != nil || lost == 0 {
		t.Errorf("the thief was not found: %q, %v", out, err)
	}
}

// storm runs rounds while reap is running and prints the result of each.
func storm(rounds string, reap func(context.Context) (reaped func() uint64)) {
	n, _ := strconv.Atoi(rounds)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reaped := reap(ctx)
	for range n {
		before := reaped()
		lost := stormRound()
		eventually(func() bool { return reaped() >= before+stormProcesses })
		fmt.Printf("lost %d, orphans %d, zombies %d\n", lost, reaped()-before, len(zombies()))
	}
}

// stormRound returns how many exit codes were lost.
func stormRound() int64 {
	var lost atomic.Int64
	var workers sync.WaitGroup
	for w := range stormWorkers {
		workers.Go(func() {
			for i := range stormProcesses / stormWorkers {
				code := rand.IntN(256)
				run := codeOfCommand
				if (w+i)%2 == 0 {
					run = codeOfChild
				}
				if got := run(stormScript(code)); got != code {
					lost.Add(1)
				}
			}
		})
	}
	workers.Wait()
	return lost.Load()
}

// stormScript forks an orphan and exits.
func stormScript(code int) []string {
	nap := func() string {
		if rand.IntN(16) > 0 {
			return ":" // costs no process
		}
		return fmt.Sprintf("sleep 0.%03d", rand.IntN(50))
	}
	return []string{"sh", "-c", fmt.Sprintf("(%s >&- 2>&- &); %s; exit %d", nap(), nap(), code)}
}

func codeOfCommand(args []string) int {
	r, _ := Run(context.Background(), Command{Args: args})
	return r.Code
}

func codeOfChild(args []string) int {
	c := newChild(ChildConfig{Command: args}, startProcess)
	if err := c.Start(context.Background(), nil); err != nil {
		return -1
	}
	e := <-c.Exited()
	if _, err := c.Stop(context.Background()); err != nil {
		return -1
	}
	return e.Code
}

func reapWell(ctx context.Context) (reaped func() uint64) {
	r := NewReaper(nil)
	go func() {
		if err := r.Run(ctx); err != nil {
			fmt.Println(err)
		}
	}()
	return r.reaped.Load
}

// steal is a wrong reaper.
func steal(ctx context.Context) (stolen func() uint64) {
	var count atomic.Uint64
	go func() {
		for ctx.Err() == nil {
			if pid, err := syscall.Wait4(-1, nil, 0, nil); err == nil && pid > 0 {
				count.Add(1)
			}
		}
	}()
	return count.Load
}

// zombies returns the children of this process that have exited and have not been reaped.
func zombies() []int {
	var found []int
	for pid, s := range allProcesses() {
		if s.parent == os.Getpid() && !s.alive() {
			found = append(found, pid)
		}
	}
	return found
}
