// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	osexec "os/exec"
	"sync"
)

// children are the processes that this program has started and not collected
// yet. There is one such set, as the kernel keeps one list of children for the
// whole process.
//
// A reaper must leave these alone, and it must not lose the exit code of one
// that ends before its Start has returned. That holds because
//
//   - between the fork and the entry in own, starting is held by the starter;
//   - an entry stays until the process has been collected;
//   - the reaper holds starting alone while it looks, and collects nothing that
//     is in own.
//
// So whatever the reaper finds that is not in own is nobody's to wait for: it
// was left by another process, or by the program that this one replaced.
//
// What is started past this package cannot be known here, and would be taken
// for an orphan.
type children struct {
	starting sync.RWMutex // held by those who start, together, or by the reaper, alone

	mu  sync.Mutex
	own map[int]*osexec.Cmd
}

var mine = children{own: make(map[int]*osexec.Cmd)}

// start starts a process. The starters share their lock: they do not wait for
// each other, but for the reaper, which is done in no time. (A program on a dead
// file server holds up everybody, but so it does through syscall.ForkLock.)
func (c *children) start(cmd *osexec.Cmd) error {
	c.starting.RLock()
	defer c.starting.RUnlock()
	if err := cmd.Start(); err != nil { // one that failed to execute has been collected
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own[cmd.Process.Pid] = cmd
	return nil
}

// collect waits for a process that was started, and forgets it.
func (c *children) collect(cmd *osexec.Cmd) error {
	err := cmd.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	// Its number was free as soon as it was collected: by now it may be that of
	// another process that was started here.
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
