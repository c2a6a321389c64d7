// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"net"
	"os"
	"time"
)

// notifyPatience limits the time to send a datagram, in case nobody reads the socket.
const notifyPatience = time.Second

// notifySocket returns a function that sends a datagram to the socket in
// NOTIFY_SOCKET, which is a path or, after an @, a name in the abstract namespace. It
// returns nil if the variable is not set. Unlike daemon.SdNotify, the function does
// not wait for a reader without limit.
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
