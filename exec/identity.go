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

// startSlack allows for the granularity of the two clocks that are compared: a
// process's start has hundredths of a second, a file's time that of the kernel's
// tick or, on some file systems, of two seconds.
const startSlack = 2 * time.Second

// check reports ErrNotRunning if the process has ended and ErrRecycled if it
// cannot be the one that wrote the file, because it started only afterwards.
//
// Both times are on the wall clock, and that may have been set in between: late
// at boot, or when a virtual machine was resumed. All pid files of a host then
// look older than their processes. A reload must not be lost for that, so a
// process that bears the pid file's name passes all the same.
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
	if started.After(f.written.Add(startSlack)) && !f.named() {
		return fmt.Errorf("%w (it started %v after the file was written)",
			ErrRecycled, started.Sub(f.written).Round(time.Second))
	}
	return nil
}

// startTime is when a process started, by today's wall clock.
func startTime(s stat) (time.Time, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		return time.Time{}, fmt.Errorf("reading the boot clock: %w", err)
	}
	const tick = time.Second / 100 // USER_HZ, which is 100 wherever Go runs
	age := time.Duration(now.Nano()) - time.Duration(s.start)*tick
	return time.Now().Round(0).Add(-age), nil
}

// isThread reports whether a number that /proc knows is that of a thread other
// than a process's first. Threads share the processes' range of numbers.
func isThread(id int) bool {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(id) + "/status")
	return err == nil && !bytes.Contains(status, []byte("\nTgid:\t"+strconv.Itoa(id)+"\n"))
}

// named reports whether the process's command line has a word that is the pid
// file's name, as "nginx: master process /usr/sbin/nginx" has for nginx.pid.
func (f pidFile) named() bool {
	name := strings.TrimSuffix(filepath.Base(f.path), ".pid")
	line, err := os.ReadFile("/proc/" + strconv.Itoa(f.pid) + "/cmdline")
	if err != nil {
		return false
	}
	words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune("\x00 :/", r) })
	return slices.Contains(words, name)
}
