// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// StartTLS is a protocol that begins in plain text and switches to TLS.
type StartTLS string

// The supported protocols.
const (
	Postgres StartTLS = "postgres"
	MySQL    StartTLS = "mysql"
	SMTP     StartTLS = "smtp"
	LDAP     StartTLS = "ldap"
)

// exchanges are the functions that make the server expect TLS. They read only the
// answer of the server: the next byte belongs to TLS. An error explains why the server
// refuses. It quotes the server's text, which is not authenticated without TLS.
var exchanges = map[StartTLS]func(net.Conn) error{
	Postgres: startPostgres,
	MySQL:    startMySQL,
	SMTP:     startSMTP,
	LDAP:     startLDAP,
}

// errRefused is the error if the server does not begin TLS.
var errRefused = errors.New("the server refuses TLS")

// maxAnswer is the maximum size of a server's answer before TLS, in bytes.
const maxAnswer = 16 << 10

// readN reads n bytes. It returns an error if n is negative or exceeds maxAnswer.
func readN(r io.Reader, n int) ([]byte, error) {
	if n < 0 || n > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, explainEOF(err)
	}
	return b, nil
}

// explainEOF returns a clearer error for a closed connection.
func explainEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the server closed the connection: %w", err)
	}
	return err
}

// quote returns the text of a server in a form that is safe to print.
func quote(words string) string {
	const most = 200
	if len(words) > most {
		words = words[:most] + "…"
	}
	return fmt.Sprintf("%q", words)
}
