// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// StartTLS names a protocol that begins in the clear and turns to TLS.
type StartTLS string

// The protocols that are known.
const (
	Postgres StartTLS = "postgres"
	MySQL    StartTLS = "mysql"
	SMTP     StartTLS = "smtp"
	LDAP     StartTLS = "ldap"
)

// An exchange brings the server to expect TLS. It reads not a byte more than the
// server's answer, for the next ones belong to TLS. An error explains the
// server's refusal; what the server says is quoted, for it may be anybody's
// words as long as there is no TLS.
var exchanges = map[StartTLS]func(net.Conn) error{
	Postgres: startPostgres,
	MySQL:    startMySQL,
	SMTP:     startSMTP,
	LDAP:     startLDAP,
}

// errRefused means that the server will not begin TLS.
var errRefused = errors.New("the server refuses TLS")

// maxAnswer is how long a server's answer before TLS may be.
const maxAnswer = 16 << 10

// readN reads so many bytes, if that is a sane number.
func readN(r io.Reader, n int) ([]byte, error) {
	if n < 0 || n > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, closed(err)
	}
	return b, nil
}

// closed names what a missing byte means.
func closed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}

// quote makes a server's words safe to show.
func quote(words string) string {
	const most = 200
	if len(words) > most {
		words = words[:most] + "…"
	}
	return fmt.Sprintf("%q", words)
}
