// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// steady is a file that others may have made non-blocking: a child that shares a pipe
// or a terminal, as Node.js does. A write that finds it full waits, as it would have
// done without them.
type steady struct{ *os.File }

// Write writes p as a whole, unless there is an error.
func (s steady) Write(p []byte) (n int, err error) {
	for {
		written, err := s.File.Write(p[n:])
		n += written
		if err == nil || !errors.Is(err, syscall.EAGAIN) {
			return n, err
		}
		if err := control(s.File, awaitWritable); err != nil {
			return n, err
		}
	}
}

// awaitWritable waits until a descriptor can be written to, or nobody reads it.
func awaitWritable(fd int) error {
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
