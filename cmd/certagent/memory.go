// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"runtime/debug"
)

// gcPercent has garbage collected when the heap has grown by half, not when it
// has doubled. An agent sits beside the program that the machine is there for,
// and works for a moment in hours: 8 MiB less with 1000 certificates count for
// more than a tenth more of CPU at the start.
const gcPercent = 50

// saveMemory sets the pace of garbage collection, unless $GOGC does.
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
