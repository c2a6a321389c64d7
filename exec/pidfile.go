// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/certagent/certagent/safefile"
)

var (
	// ErrNoPIDFile is the error if a pid file does not exist. It wraps ErrNotRunning.
	ErrNoPIDFile = fmt.Errorf("%w: the file does not exist", ErrNotRunning)
	// ErrStale is the error if the process that wrote a pid file has exited and another
	// process has its number. It wraps ErrNotRunning.
	ErrStale = fmt.Errorf("%w: the file is stale", ErrNotRunning)
)

// SignalPIDFile signals the process whose number is in the first line of a pid file.
//
// The error wraps ErrNotRunning if nothing is there to signal, which may change: the
// file does not exist (ErrNoPIDFile) or is empty, as a server leaves it that is about
// to write it, and "nginx -t" if nginx is not running; the process does not exist or is
// a zombie; or it is not the process that wrote the file (ErrStale). It is a *HeldError
// if the signal would end the process. All other errors are problems: the file does not
// hold a number; the number is one that is never signalled; the file is that of a user
// who may not signal the process; or certagent is not permitted to.
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
		return fmt.Errorf("pid file %q: %w", path, err)
	}
	if endedBy(f.pid, sig) {
		return fmt.Errorf("pid file %q: %w", path, newHeldError(f.pid, sig))
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

// FindPIDFile returns the number of the process that a pid file names. The errors are
// those of SignalPIDFile.
func FindPIDFile(path string) (pid int, err error) {
	f, err := openPIDFile(path)
	if err != nil {
		return 0, err
	}
	if err := f.check(); err != nil {
		return 0, fmt.Errorf("pid file %q: %w", path, err)
	}
	return f.pid, nil
}

// pidFile is the content of a pid file, who owns it and when it was written.
type pidFile struct {
	path    string
	pid     int
	owner   int
	written time.Time
}

const (
	// pidFileHead is how much of a pid file is read. postmaster.pid has eight lines.
	pidFileHead = 4 << 10
	// writing is how old the content of a pid file must be to be complete without a
	// line break at its end, and settling is how long to look whether it still changes.
	writing  = time.Second
	settling = 50 * time.Millisecond
)

func openPIDFile(path string) (pidFile, error) {
	text, info, err := safefile.Head(path, pidFileHead)
	if err == nil && !bytes.ContainsRune(text, '\n') && time.Since(info.ModTime()).Abs() < writing {
		time.Sleep(settling) // half of a number is another process's number
		text, info, err = safefile.Head(path, pidFileHead)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return pidFile{}, fmt.Errorf("pid file %q: %w", path, ErrNoPIDFile)
	case errors.Is(err, safefile.ErrNotRegular):
		return pidFile{}, fmt.Errorf("pid file %q: not a regular file", path)
	case err != nil:
		return pidFile{}, fmt.Errorf("reading pid file: %w", err)
	}
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	pid, err := parsePID(strings.TrimSpace(first))
	if err != nil {
		return pidFile{}, fmt.Errorf("pid file %q: %w", path, err)
	}
	owner, _ := safefile.Owner(info)
	return pidFile{path: path, pid: pid, owner: owner, written: info.ModTime()}, nil
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
	case pid < 1, pid == 1 && hostNamespace():
		return 0, fmt.Errorf("%d is never signalled", pid)
	case int(pid) == os.Getpid():
		return 0, fmt.Errorf("%d is certagent itself", pid)
	}
	return int(pid), nil
}

// hostNamespace reports whether this process is in the PID namespace of the host, where
// process 1 is the init system. In a container it is the program that the container
// runs. Tests replace it.
var hostNamespace = func() bool {
	const initial = "pid:[4026531836]" // PROC_PID_INIT_INO
	name, err := os.Readlink("/proc/self/ns/pid")
	return err != nil || name == initial
}
