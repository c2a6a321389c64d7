// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports below those that the kernel uses for outgoing connections, so that no other
// process takes one while a service restarts.
const (
	firstPort = 20000
	lastPort  = 32000
)

// freePorts returns different ports that are free now.
func freePorts(n int) ([]int, error) {
	var ports []int
	for range 100 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		defer listener.Close() // kept open until all are found
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, errors.New("no free port between 20000 and 32000")
}
