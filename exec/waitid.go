// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package exec

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

// childState is what waitid(2) tells of a child: the head of a siginfo_t for
// SIGCHLD. (On MIPS the second and the third field are the other way round.)
type childState struct {
	_      int32
	_      int32
	code   int32      // how it changed, such as CLD_EXITED
	_      [0]uintptr // what follows is aligned like a pointer
	pid    int32
	_      uint32
	status int32 // the exit code or the signal
}

// cldStopped is the code of a child that a signal has stopped (CLD_STOPPED).
const cldStopped = 5

// waitid is waitid(2). The pid of the state is 0 if options has WNOHANG and
// there is nothing to tell.
func waitid(kind, id, options int) (childState, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(kind, id, &info, options, nil)
		if !errors.Is(err, unix.EINTR) {
			return *(*childState)(unsafe.Pointer(&info)), err // a siginfo_t has 128 bytes
		}
	}
}
