// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

// A lock file holds a line for each process that has claimed a destination in its
// directory: "process 1234 56789", where the second number is the time at which the
// process started, in the clock ticks of /proc/<pid>/stat. The locks do not depend on
// it: it only names the other process in an error.

const maxLockFile = 64 << 10

// process is a line of a lock file.
type process struct {
	pid   int
	start uint64
}

func (p process) String() string { return fmt.Sprintf("process %d %d", p.pid, p.start) }

// recordProcess adds this process to the lock file of d, which is open already, and removes those that have
// ended. A file that holds something else stays as it is. A failure is no error.
func (d *directory) recordProcess(lock inode) {
	f, err := d.openFile(lockName(os.Geteuid()), unix.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return
	}
	defer f.close()
	if st, err := f.stat(); err != nil || (inode{st.Dev, st.Ino}) != lock {
		return // replaced meanwhile
	}
	processes, ok := f.processes()
	if !ok {
		return
	}
	own, ok := self()
	if !ok {
		return
	}
	var text strings.Builder
	for _, p := range processes {
		if is, ok := running(p.pid); ok && is.process == p && p != own.process {
			fmt.Fprintln(&text, p)
		}
	}
	fmt.Fprintln(&text, own.process)
	if unix.Ftruncate(int(f), 0) == nil {
		_, _ = unix.Pwrite(int(f), []byte(text.String()), 0)
	}
}

// processes reads a lock file; ok is whether it is one.
func (f descriptor) processes() (processes []process, ok bool) {
	st, err := f.stat()
	if err != nil || st.Size >= maxLockFile {
		return nil, false
	}
	text := make([]byte, st.Size)
	n, err := unix.Pread(int(f), text, 0)
	if err != nil {
		return nil, false
	}
	for line := range bytes.Lines(text[:n]) {
		var p process
		if _, err := fmt.Sscanf(string(line), "process %d %d", &p.pid, &p.start); err != nil || p.String()+"\n" != string(line) {
			return nil, false
		}
		processes = append(processes, p)
	}
	return processes, true
}

// self is this process.
var self = sync.OnceValues(func() (runningProcess, bool) { return running(os.Getpid()) })

// runningProcess is a process as /proc shows it.
type runningProcess struct {
	process
	name string
}

func running(pid int) (p runningProcess, ok bool) {
	text, err := safefile.Read(fmt.Sprintf("/proc/%d/stat", pid), safefile.MaxProc)
	if err != nil {
		return p, false
	}
	// The name is in parentheses and may hold some itself.
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return p, false
	}
	fields := strings.Fields(string(text[to+1:]))
	const startTime = 22 - 3 // proc(5) counts from 1, and the state is the third
	if len(fields) <= startTime || fields[0] == "Z" {
		return p, false
	}
	start, err := strconv.ParseUint(fields[startTime], 10, 64)
	return runningProcess{process{pid, start}, string(text[from+1 : to])}, err == nil
}

var errUnseen = errors.New("it cannot be seen from here: it may be in another container, or on another host")

// claimedBy returns the error for a name that another process has claimed.
func claimedBy(d *claimedDir, name string) error {
	recorded, _ := d.file.processes()
	var candidates, holders []string
	for _, p := range recorded {
		is, ok := running(p.pid)
		if !ok || is.process != p {
			continue
		}
		text := fmt.Sprintf("process %d (%s)", is.pid, printable(is.name))
		if p.holds(d.id, name) {
			holders = append(holders, text)
		}
		if p.pid != os.Getpid() { // which has just been added
			candidates = append(candidates, text)
		}
	}
	if len(holders) > 0 {
		candidates = holders
	}
	if len(candidates) == 0 {
		return fmt.Errorf("%w: %w", ErrClaimed, errUnseen)
	}
	return fmt.Errorf("%w: %s", ErrClaimed, strings.Join(candidates, " or "))
}

// holds reports whether the kernel shows that a process holds the lock.
func (p process) holds(file inode, name string) bool {
	dir := fmt.Sprintf("/proc/%d/fdinfo", p.pid)
	entries, _ := os.ReadDir(dir)
	lock := fmt.Sprintf(":%d %d %d\n", file.ino, byteOf(name), byteOf(name))
	for _, entry := range entries {
		text, err := safefile.Read(filepath.Join(dir, entry.Name()), safefile.MaxProc)
		if err == nil && bytes.Contains(text, []byte(lock)) {
			return true
		}
	}
	return false
}

// printable removes from the name of a process what a terminal would obey.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
}
