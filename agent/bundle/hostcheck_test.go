// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/agent/config"
)

// A sink whose token cannot get its owner is noticed before the login, which might use
// up a secret ID.
func TestSinkOwnerThatCannotBeGiven(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become another user")
	}
	path := filepath.Join(t.TempDir(), "token")
	found := make(chan config.Problems)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine, and its user with it
		const nobody = 65534
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
			t.Error(errno)
		}
		h := &hostCheck{directories: map[string]bool{}}
		h.sink(config.Sink{Path: path, UID: 0, GID: -1})
		found <- h.found
	}()
	for _, p := range <-found {
		if p.Name == "owner" && p.Kind == config.StartError && strings.Contains(p.Message, "may not give the token to user 0") {
			return
		}
	}
	t.Error("nothing was found")
}
