// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/certagent/certagent/safefile"
)

// writePIDFile writes the process's number to path, unless path is empty. Whatever
// else stands at the path stays as it is, and so does what has taken the file's place
// until remove is called.
func writePIDFile(path string) (remove func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	number := strconv.Itoa(os.Getpid()) + "\n"
	file, err := safefile.OpenAppend(path, 0o600)
	if err != nil {
		return nil, fmt.Errorf("writing pid_file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "open", Path: path, Err: safefile.ErrNotRegular}
	}
	if err == nil {
		err = file.Truncate(0)
	}
	if err == nil {
		_, err = file.WriteString(number)
	}
	if err != nil {
		return nil, fmt.Errorf("writing pid_file: %w", err)
	}
	return func() {
		// Not by its inode, whose number another file may have got.
		if now, _, err := safefile.Head(path, 32); err == nil && string(now) == number {
			_ = os.Remove(path) // a stale pid file is harmless: its readers check the process
		}
	}, nil
}
