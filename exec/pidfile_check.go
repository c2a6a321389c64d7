// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// startSlack allows for the granularity of the two times that are compared: that of a
// process's start is 1/100 s; that of a file's modification is the kernel's tick or, on
// some file systems, two seconds.
const startSlack = 2 * time.Second

// check returns ErrNotRunning if the process has exited, and ErrRecycled if it did not
// write the file because it started later.
//
// Both times are on the wall clock, which may have been set in between: late during
// boot, or when a virtual machine was resumed. Then all pid files of a host look older
// than their processes. So that no reload is lost, a process with the name of the pid
// file is accepted nevertheless.
func (f pidFile) check() error {
	s, err := readStat(f.pid)
	if err != nil || !s.alive() {
		return ErrNotRunning
	}
	if isThread(f.pid) {
		return ErrRecycled
	}
	started, err := startTime(s)
	if err != nil {
		return err
	}
	if started.After(f.written.Add(startSlack)) && !f.namedInCommandLine() {
		return fmt.Errorf("%w (it started %v after the file was written)",
			ErrRecycled, started.Sub(f.written).Round(time.Second))
	}
	return nil
}

// startTime returns when a process started, on the current wall clock.
func startTime(s stat) (time.Time, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}, fmt.Errorf("reading the boot clock: %w", err)
	}
	const tick = time.Second / 100 // USER_HZ, which is 100 wherever Go runs
	age := time.Duration(now.Nano()) - time.Duration(s.start)*tick
	return time.Now().Round(0).Add(-age), nil
}

// isThread reports whether id is that of a thread that is not the main thread of a
// process. Threads and processes share one range of numbers.
func isThread(id int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/status")
	return err == nil && !bytes.Contains(status, []byte("\nTgid:\t"+strconv.Itoa(id)+"\n"))
}

// namedInCommandLine reports whether a word of the process's command line is the name
// of the pid file: "nginx: master process /usr/sbin/nginx" has that of nginx.pid.
func (f pidFile) namedInCommandLine() bool {
	name := strings.TrimSuffix(filepath.Base(f.path), ".pid")
	line, err := os.ReadFile("/proc/" + strconv.Itoa(f.pid) + "/cmdline")
	if err != nil {
		return false
	}
	words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune("\x00 :/", r) })
	return slices.Contains(words, name)
}
