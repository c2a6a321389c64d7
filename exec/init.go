// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrNoOrphans is the error if the kernel gives orphans to another process.
var ErrNoOrphans = errors.New("orphans go to another process: this one is neither process 1 nor a subreaper")

// IsInit reports whether this process is process 1, the init process of its PID
// namespace.
func isInit() bool { return os.Getpid() == 1 }

// SetSubreaper makes this process a child subreaper, the parent of orphans among its
// descendants (PR_SET_CHILD_SUBREAPER in prctl(2)).
func SetSubreaper() error {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return os.NewSyscallError("prctl", err)
	}
	return nil
}

func isSubreaper() bool {
	var is int32
	_, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0)
	return errno == 0 && is != 0
}
