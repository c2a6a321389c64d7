// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"errors"
	"fmt"
	"io"
	"net"
)

// ldapStartTLS is the extended request of RFC 4511, section 4.14: message 1 with the
// operation's name, 1.3.6.1.4.1.1466.20037.
const ldapStartTLS = "\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037"

// The tags of an answer (RFC 4511, section 4.12).
const (
	berInteger       = 0x02
	berOctetString   = 0x04
	berEnumerated    = 0x0a
	berSequence      = 0x30
	extendedResponse = 0x78
)

// startLDAP sends StartTLS and reads the answer.
func startLDAP(conn net.Conn) error {
	if _, err := io.WriteString(conn, ldapStartTLS); err != nil {
		return err
	}
	message, err := readBER(conn)
	if err != nil {
		return err
	}
	result, words, err := ldapResult(message)
	if err != nil {
		return err
	}
	if result != 0 {
		return fmt.Errorf("%w: result %d%s: %s", errRefused, result, ldapMeaning(result), quote(words))
	}
	return nil
}

// ldapMeaning returns what a result code means in an answer to StartTLS (RFC 4511,
// section 4.14.1 and appendix A).
func ldapMeaning(result int) string {
	switch result {
	case 1:
		return " (the connection has TLS already)"
	case 2:
		return " (it does not know StartTLS)"
	case 52:
		return " (it has no TLS now)"
	case 53:
		return " (it is unwilling)"
	}
	return ""
}

// ldapResult returns the result code and the diagnostic message of an extended
// response.
func ldapResult(message element) (code int, words string, err error) {
	errNotLDAP := errors.New("the server does not speak LDAP")
	if message.tag != berSequence {
		return 0, "", errNotLDAP
	}
	parts, err := elements(message.content, berInteger, extendedResponse)
	if err != nil {
		return 0, "", errNotLDAP
	}
	fields, err := elements(parts[1].content, berEnumerated, berOctetString, berOctetString)
	if err != nil || len(fields[0].content) != 1 {
		return 0, "", errNotLDAP
	}
	return int(fields[0].content[0]), string(fields[2].content), nil
}
