// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"encoding/binary"
	"fmt"
	"net"
	"strings"
)

// startPostgres sends PostgreSQL's SSLRequest (PostgreSQL's documentation,
// "Message Flow", "SSL Session Encryption"). The answer is one byte.
func startPostgres(conn net.Conn) error {
	const length, sslRequest = 8, 80877103
	request := binary.BigEndian.AppendUint32(nil, length)
	request = binary.BigEndian.AppendUint32(request, sslRequest)
	if _, err := conn.Write(request); err != nil {
		return err
	}
	answer, err := readN(conn, 1)
	if err != nil {
		return err
	}
	switch answer[0] {
	case 'S':
		return nil
	case 'N':
		return fmt.Errorf("%w: SSLRequest was answered with N; is ssl = on in postgresql.conf?", errRefused)
	case 'E':
		return fmt.Errorf("%w: %s", errRefused, postgresError(conn))
	}
	return fmt.Errorf("the server does not speak PostgreSQL's protocol: SSLRequest was answered with %q", answer)
}

// postgresError reads the rest of an ErrorResponse and returns its message. A server
// that cannot start a process for the connection sends one.
func postgresError(conn net.Conn) string {
	const unreadable = "an error that cannot be read"
	length, err := readN(conn, 4)
	if err != nil {
		return unreadable
	}
	fields, err := readN(conn, int(int32(binary.BigEndian.Uint32(length)))-4)
	if err != nil {
		return unreadable
	}
	for field := range strings.SplitSeq(string(fields), "\x00") {
		if message, ok := strings.CutPrefix(field, "M"); ok {
			return quote(message)
		}
	}
	return quote(string(fields)) // plain text before protocol 3.0
}
