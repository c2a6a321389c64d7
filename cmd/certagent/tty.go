// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// defaultWidth is the width of a terminal that does not report its own.
const defaultWidth = 80

// isTerminal reports whether a file is a terminal.
func isTerminal(f *os.File) bool {
	return control(f, func(fd int) error {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	}) == nil
}

// widthOf returns a function that asks a terminal for its width in columns.
func widthOf(f *os.File) func() int {
	return func() int {
		width := defaultWidth
		_ = control(f, func(fd int) error {
			size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
			if err == nil && size.Col > 0 {
				width = int(size.Col)
			}
			return err
		}) // then it is no terminal any more
		return width
	}
}

// control calls do with a file's descriptor, whose mode stays as it is: File.Fd
// would make it blocking for every process that shares it.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	if err := conn.Control(func(fd uintptr) { failed = do(int(fd)) }); err != nil {
		return err
	}
	return failed
}

// wantsColour reports whether the environment allows colours on a terminal (see
// no-color.org).
func wantsColour() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }
