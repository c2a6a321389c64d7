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
	outputLimit = 4 << 10
	// outputDelay is how long output is read after the command has exited. It is used
	// up only if another process holds the pipe open. What the command itself wrote
	// is in the pipe by then.
	outputDelay = 250 * time.Millisecond
)

// outputs are the pipes that a command writes to.
type outputs struct {
	stdout, stderr *output // the same one unless stdout is read separately
	tail           tailBuffer
}

func newOutputs(apart io.Writer) (*outputs, error) {
	o := &outputs{}
	var err error
	if o.stderr, err = newOutput(o.tail.write); err != nil {
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

// close returns the end of the output. The command must have exited.
func (o *outputs) close() string {
	o.stderr.close()
	if o.stdout != o.stderr {
		o.stdout.close()
	}
	return o.tail.String()
}

// output is a pipe whose writer never blocks for long: its reader reads all the time.
type output struct {
	r, w *os.File
	read chan struct{} // closed when the reader has returned
}

func newOutput(keep func([]byte)) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("creating a pipe for a command's output: %w", err)
	}
	o := &output{r: r, w: w, read: make(chan struct{})}
	go func() { // close waits for this goroutine
		defer close(o.read)
		buf := make([]byte, 32<<10)
		for {
			n, err := r.Read(buf)
			keep(buf[:n])
			if err != nil { // end of file or deadline
				return
			}
		}
	}()
	return o, nil
}

// close waits until everything has been read. The writing process must have exited.
func (o *output) close() {
	o.w.Close()
	_ = o.r.SetReadDeadline(time.Now().Add(outputDelay)) // pipes have deadlines
	<-o.read
	o.r.Close()
}

// tailBuffer keeps the last outputLimit bytes.
type tailBuffer struct{ kept []byte }

func (t *tailBuffer) write(b []byte) {
	t.kept = append(t.kept, b...)
	if over := len(t.kept) - outputLimit; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
}

func (t *tailBuffer) String() string { return strings.ToValidUTF8(string(t.kept), "\uFFFD") }
