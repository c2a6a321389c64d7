// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// queueLimit is how many bytes a logQueue holds. It is enough for the start of ten
// thousand certificates, and is in use only while the writer is slower than the log.
var queueLimit = 4 << 20

// logQueue is an io.Writer between the loops of the agent, which must not wait, and a
// writer that may stand still: a pipe whose reader does not read, a terminal that is
// stopped with ^S, a file on a server that does not answer. Each Write is one line, and
// returns at once. A line that finds no room, or cannot be written, is lost. The log
// tells how many were lost, in the place where they would be, once the writer works
// again.
//
// After a loss, further lines are lost until half of the queue is free. A slow writer
// would otherwise get a line and a count in turn.
type logQueue struct {
	w     io.Writer
	limit int // of the lines' bytes
	// tell returns the line that tells of a loss.
	tell func(loss) []byte
	// failed is called with the first error of the writer since it last worked.
	failed func(error)

	mu      sync.Mutex
	entries []entry
	size    int  // of the lines in entries, and of the one that is being written
	full    bool // lines are being lost
	lost    loss // since full was set
	closed  bool
	wake    chan struct{} // one slot: entries, full or closed has changed
	ended   chan struct{} // closed when run has returned

	// run's own:
	missing loss      // to be told before the next line
	failing time.Time // since when the writer fails; zero if it works
	torn    bool      // a part of a line was written
}

// loss is what a log lacks.
type loss struct {
	lines   int
	stalled time.Duration // how long the writer stood still, or failed
}

// entry is a line or, where line is nil, a loss.
type entry struct {
	line []byte
	loss loss
}

// newLogQueue returns a queue without its goroutine, which start starts.
func newLogQueue(w io.Writer, limit int) *logQueue {
	return &logQueue{w: w, limit: limit, wake: make(chan struct{}, 1), ended: make(chan struct{})}
}

// start begins to write. The caller has set tell and failed; close ends it.
func (q *logQueue) start() { go q.run() }

// Write implements io.Writer. It does not wait, and does not fail: nobody could
// do anything about it.
func (q *logQueue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return len(line), nil
	case q.full && q.size <= q.limit/2:
		q.markLoss()
	}
	if q.full || q.size+len(line) > q.limit {
		q.full = true
		q.lost.lines++
	} else {
		q.size += len(line)
		q.entries = append(q.entries, entry{line: bytes.Clone(line)})
	}
	q.notify()
	return len(line), nil
}

// markLoss puts the loss in its place among the lines. The caller holds the lock.
func (q *logQueue) markLoss() {
	q.entries = append(q.entries, entry{loss: q.lost})
	q.full, q.lost = false, loss{}
}

func (q *logQueue) notify() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// close makes the queue refuse further lines, and waits until those in it are written
// or over receives. It returns false if some are left.
func (q *logQueue) close(over <-chan time.Time) bool {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.notify()
	select {
	case <-q.ended:
		return true
	case <-over:
		return false
	}
}

// run writes what is in the queue, until that is closed and empty.
func (q *logQueue) run() {
	defer close(q.ended)
	for {
		e, ok := q.next()
		if !ok {
			break
		}
		q.write(e)
	}
	if q.missing.lines > 0 {
		q.writeLoss()
	}
}

// next waits for the next entry. It returns false if there will be none.
func (q *logQueue) next() (e entry, ok bool) {
	for {
		q.mu.Lock()
		if len(q.entries) == 0 && q.full {
			q.markLoss()
		}
		if len(q.entries) > 0 {
			e, ok = q.entries[0], true
			q.entries[0] = entry{} // for the garbage collector
			q.entries = q.entries[1:]
		}
		closed := q.closed
		q.mu.Unlock()
		if ok || closed {
			return e, ok
		}
		<-q.wake
	}
}

// write writes an entry, and before it what was lost since the last one.
func (q *logQueue) write(e entry) {
	begun := time.Now()
	q.missing.lines += e.loss.lines
	q.missing.stalled = max(q.missing.stalled, e.loss.stalled)
	written := q.missing.lines == 0 || q.writeLoss()
	if e.line != nil && !(written && q.put(e.line)) {
		q.missing.lines++
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.size -= len(e.line)
	if q.full {
		q.lost.stalled = max(q.lost.stalled, time.Since(begun))
	}
}

// writeLoss tells of the missing lines, and reports whether that was possible.
func (q *logQueue) writeLoss() bool {
	missing := q.missing
	if !q.failing.IsZero() {
		missing.stalled = max(missing.stalled, time.Since(q.failing))
	}
	line := q.tell(missing)
	if q.torn {
		line = append([]byte{'\n'}, line...)
	}
	if !q.put(line) {
		return false
	}
	q.missing, q.torn = loss{}, false
	return true
}

// put writes a line, and reports whether that was possible.
func (q *logQueue) put(line []byte) bool {
	n, err := q.w.Write(line)
	if err == nil {
		q.failing = time.Time{}
		return true
	}
	q.torn = q.torn || n > 0
	if q.failing.IsZero() {
		q.failing = time.Now()
		q.failed(err)
	}
	return false
}
