// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
)

// MySQL's capability flags (MySQL's source code documentation, "Capabilities
// Flags").
const (
	mysqlProtocol41       = 0x00000200
	mysqlSSL              = 0x00000800
	mysqlSecureConnection = 0x00008000
)

// startMySQL reads the server's greeting and answers with an SSLRequest (MySQL's
// source code documentation, "Connection Phase").
//
// The probe does not log in. A MySQL server on another host counts each such connection
// as interrupted, and blocks this host after max_connect_errors of them without a
// successful one in between.
func startMySQL(conn net.Conn) error {
	header, err := readN(conn, 4) // a length of three bytes and a sequence number, 0
	if err != nil {
		return err
	}
	greeting, err := readN(conn, int(header[0])|int(header[1])<<8|int(header[2])<<16)
	if err != nil {
		return err
	}
	capabilities, err := mysqlCapabilities(greeting)
	if err != nil {
		return err
	}
	if capabilities&mysqlSSL == 0 {
		return fmt.Errorf("%w: its greeting does not offer it; are ssl_cert and ssl_key set?", errRefused)
	}

	const length, maxPacket, utf8 = 32, 1 << 24, 33
	request := []byte{length, 0, 0, 1}
	request = binary.LittleEndian.AppendUint32(request, mysqlProtocol41|mysqlSSL|mysqlSecureConnection)
	request = binary.LittleEndian.AppendUint32(request, maxPacket)
	request = append(request, utf8)
	request = append(request, make([]byte, 23)...)
	_, err = conn.Write(request)
	return err
}

// mysqlCapabilities returns the lower half of the capability flags in a greeting, or
// the error that the server sent instead.
func mysqlCapabilities(greeting []byte) (uint16, error) {
	const version10, errorPacket = 10, 0xff
	switch {
	case len(greeting) > 3 && greeting[0] == errorPacket:
		code := binary.LittleEndian.Uint16(greeting[1:])
		return 0, fmt.Errorf("%w: error %d: %s", errRefused, code, quote(string(greeting[3:])))
	case len(greeting) == 0 || greeting[0] != version10:
		return 0, errors.New("the server does not speak MySQL's protocol")
	}
	// The server's version ends with a zero; then come the connection's number
	// (4 bytes), the first part of a challenge (8) and a filler (1).
	_, rest, found := bytes.Cut(greeting[1:], []byte{0})
	if !found || len(rest) < 15 {
		return 0, errors.New("the server's greeting is cut short")
	}
	return binary.LittleEndian.Uint16(rest[13:]), nil
}
