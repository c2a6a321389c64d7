// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ErrRecycled is the error if the process that wrote a pid file has exited and another
// process has its number. It wraps ErrNotRunning.
var ErrRecycled = fmt.Errorf("%w: its number belongs to another process now", ErrNotRunning)

// SignalPIDFile signals the process whose number is in a pid file.
//
// The error wraps ErrNotRunning if the file does not exist or is empty ("nginx -t"
// leaves an empty one if nginx is not running), if the process does not exist or is a
// zombie, and if it is not the process that wrote the file (ErrRecycled). All other
// errors are problems: the file does not hold a number; the number is negative, 0, 1 or
// that of certagent, which are never signalled; or certagent is not permitted to signal
// the process.
func SignalPIDFile(path string, sig syscall.Signal) error {
	f, err := openPIDFile(path)
	if err != nil {
		return err
	}
	// From here on a pidfd refers to the process: if it exits and the kernel reuses its
	// number, the signal fails and does not reach the other process.
	p, err := os.FindProcess(f.pid)
	if err != nil {
		return fmt.Errorf("pid file %q: process %d: %w", path, f.pid, err)
	}
	defer p.Release()
	if err := f.check(); err != nil {
		return fmt.Errorf("pid file %q: process %d: %w", path, f.pid, err)
	}
	switch err := p.Signal(sig); {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrProcessDone), errors.Is(err, syscall.ESRCH):
		return fmt.Errorf("pid file %q: process %d: %w", path, f.pid, ErrNotRunning)
	case errors.Is(err, syscall.EPERM):
		return fmt.Errorf("pid file %q: sending %s to process %d: %w (run certagent as that process's user or give it CAP_KILL)",
			path, SignalName(sig), f.pid, err)
	default:
		return fmt.Errorf("pid file %q: sending %s to process %d: %w", path, SignalName(sig), f.pid, err)
	}
}

// pidFile is the content of a pid file and when it was written.
type pidFile struct {
	path    string
	pid     int
	written time.Time
}

func openPIDFile(path string) (pidFile, error) {
	// Without O_NONBLOCK, opening a named pipe would block.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return pidFile{}, fmt.Errorf("pid file %q: %w: the file does not exist", path, ErrNotRunning)
	}
	if err != nil {
		return pidFile{}, fmt.Errorf("reading pid file: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return pidFile{}, fmt.Errorf("reading pid file: %w", err)
	}
	if !info.Mode().IsRegular() {
		return pidFile{}, fmt.Errorf("pid file %q: not a regular file", path)
	}
	text, err := io.ReadAll(io.LimitReader(file, 64))
	if err != nil {
		return pidFile{}, fmt.Errorf("reading pid file: %w", err)
	}
	pid, err := parsePID(strings.TrimSpace(string(text)))
	if err != nil {
		return pidFile{}, fmt.Errorf("pid file %q: %w", path, err)
	}
	return pidFile{path: path, pid: pid, written: info.ModTime()}, nil
}

// parsePID does not include the text in an error: if the path is wrong, the file may
// contain a secret.
func parsePID(text string) (int, error) {
	pid, err := strconv.ParseInt(text, 10, 32)
	switch {
	case text == "":
		return 0, fmt.Errorf("%w: the file is empty", ErrNotRunning)
	case err != nil:
		return 0, errors.New("the file does not hold one number")
	case pid <= 1:
		return 0, fmt.Errorf("%d is never signalled", pid)
	case int(pid) == os.Getpid():
		return 0, fmt.Errorf("%d is certagent itself", pid)
	}
	return int(pid), nil
}
