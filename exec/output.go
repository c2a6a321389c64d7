// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A command may leave processes running that hold its stdout and stderr: a server that it
// has started in the background. They must be able to go on writing, or the next line
// that such a server prints would end it (SIGPIPE). So
//
//   - the pipe is read for as long as somebody holds its other end, and what comes after
//     the command's end is thrown away;
//   - the command gets its end for reading and writing, so that the pipe has a reader even
//     after this process has ended;
//   - from the command's end on, writing does not block: once nobody reads any more and
//     the pipe is full, writes fail and the writer lives on.

const (
	outputLimit = 4 << 10
	// outputDelay is how long output is collected after the command has exited. It is
	// used up only if another process holds the pipe open. What the command itself wrote
	// is in the pipe by then.
	outputDelay = 250 * time.Millisecond
	// pipeSize is how much a pipe holds, if the system allows it.
	pipeSize = 256 << 10
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
	mu   sync.Mutex
	keep func([]byte)  // nil once the output is not wanted any more
	read chan struct{} // closed at the end of the file

	ended bool // the lock of heldOutputs guards it
}

func newOutput(keep func([]byte)) (*output, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("creating a pipe for a command's output: %w", err)
	}
	o := &output{r: r, w: forReadingToo(w), keep: keep, read: make(chan struct{})}
	go o.drain() // ends with the last process that holds the other end, or by CloseOutputs
	return o, nil
}

// heldOutputs are the outputs of commands that have ended and left processes which hold
// them.
var heldOutputs struct {
	mu  sync.Mutex
	all map[*output]bool
}

// CloseOutputs ends the reading of what processes print that commands have left running.
// It is for the end of this process; they live on.
func CloseOutputs() {
	heldOutputs.mu.Lock()
	all := slices.Collect(maps.Keys(heldOutputs.all))
	heldOutputs.mu.Unlock()
	for _, o := range all {
		_ = o.r.SetReadDeadline(time.Now()) // pipes have deadlines
		<-o.read
	}
}

// forReadingToo replaces the writing end of a pipe by one that is a reader as well.
// Without /proc there is none.
func forReadingToo(w *os.File) *os.File {
	fd := int(w.Fd()) // blocking from here on, as the command expects it
	_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETPIPE_SZ, pipeSize)
	both, err := unix.Open("/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return w
	}
	w.Close()
	return os.NewFile(uintptr(both), "output of a command")
}

func (o *output) drain() {
	defer close(o.read)
	defer o.r.Close()
	defer o.release()
	buf := make([]byte, 32<<10)
	for {
		n, err := o.r.Read(buf)
		o.mu.Lock()
		if o.keep != nil {
			o.keep(buf[:n])
		}
		o.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (o *output) release() {
	heldOutputs.mu.Lock()
	defer heldOutputs.mu.Unlock()
	o.ended = true
	delete(heldOutputs.all, o)
}

func (o *output) hold() {
	heldOutputs.mu.Lock()
	defer heldOutputs.mu.Unlock()
	if o.ended {
		return
	}
	if heldOutputs.all == nil {
		heldOutputs.all = make(map[*output]bool)
	}
	heldOutputs.all[o] = true
}

// close waits until everything has been read, or until it is clear that another process
// holds the pipe. The command must have exited.
func (o *output) close() {
	_ = unix.SetNonblock(int(o.w.Fd()), true) // for all that have inherited it
	o.w.Close()
	select {
	case <-o.read:
	case <-time.After(outputDelay):
		o.hold()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.keep = nil
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
