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

// ErrRecycled means that the process that wrote a pid file is gone and that
// another one has its number. It is a kind of ErrNotRunning.
var ErrRecycled = fmt.Errorf("%w: its number belongs to another process now", ErrNotRunning)

// SignalPIDFile signals the process whose number is in a pid file.
//
// It fails with ErrNotRunning if the file or the process is missing, if the file
// is empty, which is how "nginx -t" leaves it where no nginx runs, if the process
// is a zombie, or if it is not the one that wrote the file (ErrRecycled). Other errors are worth telling: a file that holds no number,
// one that holds 0, 1, a negative number or certagent's own, which are never
// signalled, and a process that certagent has no right to signal.
func SignalPIDFile(path string, sig syscall.Signal) error {
	f, err := openPIDFile(path)
	if err != nil {
		return err
	}
	// From here on the process is held by a pidfd: if it ends and its number
	// goes to another one, the signal fails instead of reaching that one.
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

// pidFile is what a pid file says.
type pidFile struct {
	path    string
	pid     int
	written time.Time
}

func openPIDFile(path string) (pidFile, error) {
	// Without O_NONBLOCK a named pipe would hold us up.
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

// parsePID does not show a text that is no number: the path may be wrong and
// the file a secret.
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
