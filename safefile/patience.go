// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package safefile

import (
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// patience is how long a file system may take. A system call on one that does not
// answer, such as NFS without its server, cannot be cancelled.
const patience = 10 * time.Second

// waiting holds the paths whose reads have been given up and not ended yet. Another
// read of such a path is refused, so that each holds one thread at most.
var waiting sync.Map

type result struct {
	content []byte
	info    fs.FileInfo
	err     error
}

// bounded reads by a function that may never return. Its goroutine ends when the
// function does, which is at the latest when the process ends.
func bounded(path string, patience time.Duration, read func() ([]byte, fs.FileInfo, error)) ([]byte, fs.FileInfo, error) {
	if _, is := waiting.Load(path); is {
		return nil, nil, noAnswer(path, "an earlier read has not ended")
	}
	done := make(chan result, 1)
	go func() {
		content, info, err := read()
		done <- result{content, info, err}
	}()
	// Many short waits: a process that was stopped meanwhile loses one of them.
	const waits = 10
	for range waits {
		select {
		case r := <-done:
			return r.content, r.info, r.err
		case <-time.After(patience / waits):
		}
	}
	if _, is := waiting.LoadOrStore(path, true); !is {
		go func() {
			<-done
			waiting.Delete(path)
		}()
	}
	return nil, nil, noAnswer(path, fmt.Sprintf("within %v", patience))
}

func noAnswer(path, why string) error {
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: %s", ErrNoAnswer, why)}
}
