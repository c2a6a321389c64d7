// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	osexec "os/exec"
	"sync"
)

// children is the set of processes that this program has started and not waited for
// yet. There is only one, as the kernel has one list of children for each process.
//
// The reaper must not take the exit code of such a process, not even if the process
// exits before its Start has returned. That holds because
//
//   - the starter holds starting from the fork until the process is in own;
//   - a process stays in own until wait has returned;
//   - the reaper holds starting exclusively, and does not reap a process in own.
//
// So a child that is not in own is an orphan: another process left it, or the program
// that this one replaced by exec(2).
//
// A process that another package starts is not in own, and the reaper would take it
// for an orphan.
type children struct {
	starting sync.RWMutex // read-locked by starters, locked by the reaper

	mu  sync.Mutex
	own map[int]*osexec.Cmd
}

var ownChildren = children{own: make(map[int]*osexec.Cmd)}

// start starts a process. Starters do not wait for each other, only for the reaper,
// which needs very little time. (A program on a file server that does not answer
// blocks all starters, but it does that through syscall.ForkLock anyway.)
func (c *children) start(cmd *osexec.Cmd) error {
	c.starting.RLock()
	defer c.starting.RUnlock()
	if err := cmd.Start(); err != nil { // a process that failed to execute has been waited for
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[cmd.Process.Pid] = cmd
	return nil
}

// wait waits for a process and removes it from the set.
func (c *children) wait(cmd *osexec.Cmd) error {
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	// The kernel may have reused the number: the entry may be that of a process that
	// was started meanwhile.
	if c.own[cmd.Process.Pid] == cmd {
		delete(c.own, cmd.Process.Pid)
	}
	return err
}

func (c *children) has(pid int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.own[pid]
	return ok
}
