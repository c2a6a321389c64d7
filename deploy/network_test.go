// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/internal/harness"
)

// network is that of a process that has its own.
type network struct {
	*testing.T
	pid int
}

// enter does something with the network. A socket stays in the network in which
// it was made.
func (n network) enter(f func() error) error {
	runtime.LockOSThread()
	home := true
	defer func() {
		if home { // or else the thread ends with its goroutine
			runtime.UnlockOSThread()
		}
	}()
	here, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer here.Close()
	there, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", n.pid))
	if err != nil {
		return err
	}
	defer there.Close()
	if err := unix.Setns(int(there.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	home = false
	result := f()
	if err := unix.Setns(int(here.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	home = true
	return result
}

// dial connects to a numeric address in the network.
func (n network) dial(d *net.Dialer, address string) (conn net.Conn, err error) {
	err = n.enter(func() error {
		conn, err = d.Dial("tcp", address)
		return err
	})
	return conn, err
}

// serve lets the network reach the server, as http://127.0.0.1:8200.
func (n network) serve(w *world) {
	n.Helper()
	var listener net.Listener
	harness.Eventually(n.T, "the network is up", func() bool {
		return n.enter(func() (err error) {
			listener, err = net.Listen("tcp", "127.0.0.1:8200")
			return err
		}) == nil
	})
	s := &http.Server{Handler: w.Dev}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(listener) // it fails when it is closed
	}()
	n.Cleanup(func() {
		s.Close()
		<-done
	})
}
