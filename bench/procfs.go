// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpu returns the CPU time of a process in user and kernel mode.
func cpu(pid int) (time.Duration, error) {
	if used, err := cpuOfThreads(pid); err == nil {
		return used, nil
	}
	return cpuInTicks(pid)
}

// cpuOfThreads sums up the CPU time of all threads in nanoseconds, if the kernel
// provides it. Exited threads are missing, but those of Go programs do not exit.
func cpuOfThreads(pid int) (time.Duration, error) {
	paths, err := filepath.Glob(proc(pid, "task/*/schedstat"))
	if err != nil || len(paths) == 0 {
		return 0, errors.New("the kernel provides no schedstat")
	}
	var sum time.Duration
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		var used int64
		if _, err := fmt.Sscan(string(text), &used); err != nil {
			return 0, fmt.Errorf("%s: %w", path, err)
		}
		sum += time.Duration(used)
	}
	return sum, nil
}

// cpuInTicks returns the CPU time with a resolution of 10 ms.
func cpuInTicks(pid int) (time.Duration, error) {
	text, err := os.ReadFile(proc(pid, "stat"))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("%s has %d fields", proc(pid, "stat"), len(fields))
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * (time.Second / 100), err
}

// peakMemory returns the peak resident memory in bytes.
func peakMemory(pid int) (int64, error) {
	text, err := os.ReadFile(proc(pid, "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("%s has no VmHWM", proc(pid, "status"))
}

func proc(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
