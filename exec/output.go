// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"io"
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

// outputs are the pipes that a command writes to.
type outputs struct {
	stdout, stderr *output // the same one, unless stdout is wanted apart
	printed        tail
}

func newOutputs(apart io.Writer) (*outputs, error) {
	o := &outputs{}
	var err error
	if o.stderr, err = newOutput(o.printed.keep); err != nil {
		return nil, err
	}
	o.stdout = o.stderr
	if apart == nil {
		return o, nil
	}
	if o.stdout, err = newOutput(func(b []byte) { _, _ = apart.Write(b) }); err != nil {
		o.stderr.close()
		return nil, err
	}
	return o, nil
}

// close returns the end of what was printed. The command must have ended.
func (o *outputs) close() string {
	o.stderr.close()
	if o.stdout != o.stderr {
		o.stdout.close()
	}
	return o.printed.String()
}

// output is a pipe whose reader never lets the writer wait.
type output struct {
	r, w *os.File
	read chan struct{} // closed when the reader has ended
}

func newOutput(keep func([]byte)) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("making a pipe for a command's output: %w", err)
	}
	o := &output{r: r, w: w, read: make(chan struct{})}
	go func() { // close waits for it
		defer close(o.read)
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			keep(buf[:n])
			if err != nil { // the end, or the deadline
				return
			}
		}
	}()
	return o, nil
}

// close waits until everything has been kept. The process that writes must have
// ended.
func (o *output) close() {
	o.w.Close()
	_ = o.r.SetReadDeadline(time.Now().Add(outputDelay)) // pipes have deadlines
	<-o.read
	o.r.Close()
}

// tail keeps the last outputKept bytes.
type tail struct{ kept []byte }

func (t *tail) keep(b []byte) {
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - outputKept; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
}

func (t *tail) String() string { return strings.ToValidUTF8(string(t.kept), "\uFFFD") }
