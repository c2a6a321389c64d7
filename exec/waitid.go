// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// waitidInfo is the result of waitid(2): the beginning of a siginfo_t for SIGCHLD. (On
// MIPS the second and the third field are in reverse order.)
type waitidInfo struct {
	_      int32
	_      int32
	code   int32      // the state change, such as CLD_EXITED
	_      [0]uintptr // what follows is aligned like a pointer
	pid    int32
	_      uint32
	status int32 // the exit code or the signal
}

// cldStopped is the code of a child that a signal has stopped (CLD_STOPPED).
const cldStopped = 5

// waitid is waitid(2). With WNOHANG in options the returned pid is 0 if no child has
// changed its state.
func waitid(kind, id, options int) (waitidInfo, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return *(*waitidInfo)(unsafe.Pointer(&info)), err // a siginfo_t has 128 bytes
		}
	}
}
