// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// gcPercent starts a garbage collection when the heap has grown by half, not when it
// has doubled. An agent runs beside the program that the machine is for, and is
// nearly always idle: 8 MiB less memory with 1000 certificates is worth a tenth more
// CPU at the start.
const gcPercent = 50

// saveMemory sets the garbage collector to gcPercent, unless $GOGC is set.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// closeMemory keeps other processes of the same user, such as the commands that
// certagent runs, from reading its memory and the environment that it was started with:
// both hold tokens. Root can. It also prevents core dumps. Children are as open as ever:
// execve(2) resets it.
func closeMemory() {
	_ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) // it fails only where a filter of system calls forbids it
}
