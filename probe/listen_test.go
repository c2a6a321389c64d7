// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe_test

import (
	"encoding/binary"
	"net"
	"path/filepath"
	"strconv"
	"testing"
)

// listen serves an address, or a socket at a path of its own, until the test
// ends. It returns the address as a Target wants it. One connection is handled
// at a time.
func listen(t *testing.T, network, address string, handle func(net.Conn)) string {
	t.Helper()
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	stop := accept(l, handle)
	t.Cleanup(stop)
	if network == "unix" {
		return "unix:" + address
	}
	return l.Addr().String()
}

// accept handles one connection after the other. stop ends that and waits for
// it.
func accept(l net.Listener, handle func(net.Conn)) (stop func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			handle(conn)
			conn.Close()
		}
	}()
	return func() { l.Close(); <-done }
}

func portText(a net.Addr) string { return strconv.Itoa(a.(*net.TCPAddr).Port) }

func portBytes(a net.Addr) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(a.(*net.TCPAddr).Port)))
}
