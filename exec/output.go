// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"os"
	"strings"
	"time"
)

const (
	outputKept = 4 << 10
	// outputDelay is how long the output is awaited after a command's end. It
	// passes in full only if somebody else holds the pipe open; what the
	// command itself wrote is in the pipe by then.
	outputDelay = 250 * time.Millisecond
)

// output is a pipe whose reader keeps the end of what was written.
type output struct {
	r, w *os.File
	kept chan []byte
}

func newOutput() (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &output{r: r, w: w, kept: make(chan []byte, 1)}
	go func() { o.kept <- readTail(r) }() // close waits for it
	return o, nil
}

// close returns what was kept. The process that writes must have ended.
func (o *output) close() string {
	o.w.Close()
	_ = o.r.SetReadDeadline(time.Now().Add(outputDelay)) // pipes have deadlines
	kept := <-o.kept
	o.r.Close()
	return strings.ToValidUTF8(string(kept), "\uFFFD")
}

// readTail reads until the end or an error, such as a deadline, so that the
// writer never blocks, and returns the last outputKept bytes.
func readTail(r *os.File) []byte {
	var kept []byte
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		kept = append(kept, buf[:n]...)
		if over := len(kept) - outputKept; over > 0 {
			kept = append(kept[:0], kept[over:]...)
		}
		if err != nil {
			return kept
		}
	}
}
