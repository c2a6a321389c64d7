// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net"
	"os"
	"time"
)

// notifyPatience is how long a datagram may take. Nobody may be reading: then we
// have better things to do than to wait.
const notifyPatience = time.Second

// notifySocket returns what sends a datagram to the socket that NOTIFY_SOCKET
// names, by its path or, after an @, in the abstract namespace; nil if there is
// none. Unlike daemon.SdNotify it does not wait for a reader for ever.
func notifySocket() func(datagram string) error {
	address := &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"}
	if address.Name == "" {
		return nil
	}
	return func(datagram string) error {
		conn, err := net.DialUnix(address.Net, nil, address)
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetWriteDeadline(time.Now().Add(notifyPatience)); err != nil {
			return err
		}
		_, err = conn.Write([]byte(datagram))
		return err
	}
}
