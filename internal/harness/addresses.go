// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// Loopback returns an address of a test's own. On 127.0.0.1 its port could go to
// one of the many connections that another test makes.
func Loopback() string {
	return fmt.Sprintf("127.%d.%d.%d:8443", 1+rand.N(254), rand.N(256), 1+rand.N(254))
}

// FreeAddress returns an address of 127.0.0.1 on which nothing listened a moment
// ago.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
