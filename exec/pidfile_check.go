// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/safefile"
)

// startSlack allows for the granularity of the two times that are compared: that of a
// process's start is 1/100 s; that of a file's modification is the kernel's tick or, on
// some file systems, two seconds.
const startSlack = 2 * time.Second

// check returns ErrNotRunning if the process has exited, ErrStale if it did not write
// the file because it started later, and another error if whoever wrote the file has no
// business with the process.
func (f pidFile) check() error {
	s, err := readStat(f.pid)
	switch {
	case errors.Is(err, fs.ErrNotExist) && syscall.Kill(f.pid, 0) == syscall.EPERM:
		return fmt.Errorf("process %d: /proc does not show it (hidepid)", f.pid)
	case err != nil || !s.alive():
		return fmt.Errorf("process %d: %w", f.pid, ErrNotRunning)
	}
	status, err := readStatus(f.pid)
	if err != nil {
		return fmt.Errorf("process %d: %w", f.pid, ErrNotRunning)
	}
	if id := status["Tgid"]; id != "" && id != strconv.Itoa(f.pid) {
		return fmt.Errorf("%w: %d is a thread of process %s (%s)", ErrStale, f.pid, id, s.name)
	}
	if err := f.checkOwner(s, status); err != nil {
		return err
	}
	return f.checkAge(s)
}

// checkAge returns ErrStale if the process started after the file was written.
//
// A process's start is an instant since boot, and a file's time is one of the wall
// clock, which may have been set in between: late during boot, or when a virtual machine
// was resumed. Then all pid files of a host may look older than their processes. So that
// no change is lost, the file counts as good if the process bears its name, or if it is
// in memory and looks older than the boot.
func (f pidFile) checkAge(s stat) error {
	if f.pid == 1 { // it is never another one: a PID namespace ends with it
		return nil
	}
	boot, err := wall.look()
	if err != nil {
		return fmt.Errorf("reading the boot clock: %w", err)
	}
	started := wall.earliest(s.sinceBoot())
	if !started.After(f.written.Add(startSlack)) || f.namedInCommandLine() || f.written.Before(boot) && inMemory(f.path) {
		return nil
	}
	return fmt.Errorf("%w: process %d (%s) started %v after it was written",
		ErrStale, f.pid, s.name, started.Sub(f.written).Round(time.Second))
}

// inMemory reports whether a file is in a file system that does not survive a boot.
func inMemory(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && (int64(st.Type) == unix.TMPFS_MAGIC || int64(st.Type) == unix.RAMFS_MAGIC)
}

// namedInCommandLine reports whether a word of the process's command line is the name
// of the pid file: "nginx: master process /usr/sbin/nginx" has that of nginx.pid.
func (f pidFile) namedInCommandLine() bool {
	name := strings.TrimSuffix(filepath.Base(f.path), ".pid")
	line, _, err := safefile.Head("/proc/"+strconv.Itoa(f.pid)+"/cmdline", 64<<10)
	if err != nil {
		return false
	}
	words := strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune("\x00 :/", r) })
	return slices.Contains(words, name)
}

// checkOwner refuses a process that is not that of the user who chose it: the owner of
// the file, or of a link on the way to it. What root or this process's user has chosen
// is trusted.
func (f pidFile) checkOwner(s stat, status procStatus) error {
	for _, uid := range append(linkOwners(f.path), f.owner) {
		if uid == 0 || uid == os.Geteuid() || status.belongsTo(uid) {
			continue
		}
		return fmt.Errorf("it is controlled by user %d, and process %d (%s) is not that user's: not signalled", uid, f.pid, s.name)
	}
	return nil
}

// mostLinks is how many links the kernel follows.
const mostLinks = 40

// linkOwners returns the owners of the symbolic links that lead to a file.
func linkOwners(path string) (owners []int) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	at, rest := "/", strings.Split(path, "/")
	for links := 0; len(rest) > 0 && links < mostLinks; {
		next := rest[0]
		rest = rest[1:]
		if next == "" || next == "." {
			continue
		}
		if next == ".." {
			at = filepath.Dir(at)
			continue
		}
		full := filepath.Join(at, next)
		info, err := os.Lstat(full)
		if err != nil || info.Mode()&fs.ModeSymlink == 0 {
			at = full
			continue
		}
		links++
		uid, _ := safefile.Owner(info)
		owners = append(owners, uid)
		to, err := os.Readlink(full)
		if err != nil {
			return owners
		}
		if filepath.IsAbs(to) {
			at = "/"
		}
		rest = append(strings.Split(to, "/"), rest...)
	}
	return owners
}
