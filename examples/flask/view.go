// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

// view prints a line for each event.
type view struct {
	out       io.Writer
	now       func() time.Time
	pids      map[string]int
	rotations map[string]int
	failed    int // calls
}

func newView(out io.Writer) *view {
	return &view{out: out, now: time.Now, pids: make(map[string]int), rotations: make(map[string]int)}
}

func (v *view) show(e event) {
	fmt.Fprintf(v.out, "%s  %s\n", v.now().Format(time.TimeOnly), v.line(e))
}

// peer is the other service.
var peer = map[string]string{"a": "b", "b": "a"}

func (v *view) line(e event) string {
	switch e.Event {
	case started:
		return v.start(e)
	case called:
		return fmt.Sprintf("%s -> %s  answered; certificates %s -> %s%s", e.Service, e.Answer.Service, short(e.Answer.CallerSerial), short(e.Serial), attempts(e.Attempts))
	case failed:
		v.failed++
		return fmt.Sprintf("%s -> %s  FAILED: %s", e.Service, peer[e.Service], e.Error)
	}
	return e.Error
}

func (v *view) start(e event) string {
	before, again := v.pids[e.Service]
	v.pids[e.Service] = e.PID
	if !again {
		return fmt.Sprintf("%s       started, process %d", e.Service, e.PID)
	}
	v.rotations[e.Service]++
	return fmt.Sprintf("%s       rotation %d: restarted, process %d -> %d", e.Service, v.rotations[e.Service], before, e.PID)
}

// short returns a prefix of a serial number that tells certificates apart.
func short(serial string) string { return serial[:min(len(serial), 6)] }

func attempts(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", %d attempts", n)
}
