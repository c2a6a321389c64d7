// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"strings"
)

// startSMTP sends EHLO and STARTTLS (RFC 3207).
func startSMTP(conn net.Conn) error {
	lines := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	reader := textproto.NewReader(lines)
	ask := func(command string, expect int) (string, error) {
		if _, err := io.WriteString(conn, command); err != nil {
			return "", err
		}
		_, answer, err := reader.ReadResponse(expect)
		return answer, explainSMTP(command, err)
	}
	if _, err := ask("", 220); err != nil {
		return err
	}
	extensions, err := ask("EHLO "+addressLiteral(conn.LocalAddr())+"\r\n", 250)
	if err != nil {
		return err
	}
	if !offers(extensions, "STARTTLS") {
		return fmt.Errorf("%w: its answer to EHLO does not offer STARTTLS", errRefused)
	}
	if _, err := ask("STARTTLS\r\n", 220); err != nil {
		return err
	}
	if lines.Buffered() > 0 {
		return errors.New("the server sends plain text after its answer to STARTTLS")
	}
	return nil
}

// offers reports whether a line after the first one begins with keyword.
func offers(extensions, keyword string) bool {
	_, lines, _ := strings.Cut(extensions, "\n")
	for line := range strings.Lines(lines) {
		if fields := strings.Fields(line); len(fields) > 0 && strings.EqualFold(fields[0], keyword) {
			return true
		}
	}
	return false
}

func explainSMTP(command string, err error) error {
	var answer *textproto.Error
	var protocol textproto.ProtocolError
	said := strings.TrimSpace(command)
	if said == "" {
		said = "the connection"
	}
	switch {
	case errors.As(err, &answer):
		return fmt.Errorf("%w: %s was answered with %d %s", errRefused, said, answer.Code, quote(answer.Msg))
	case errors.As(err, &protocol):
		return fmt.Errorf("the server does not speak SMTP: %s", quote(string(protocol)))
	case err != nil:
		return explainEOF(err)
	}
	return nil
}

// addressLiteral returns the address in the form that a client without a name sends in
// EHLO (RFC 5321, section 4.1.3).
func addressLiteral(local net.Addr) string {
	address, isIP := addrPort(local)
	if !isIP {
		address = netip.MustParseAddrPort("127.0.0.1:0")
	}
	if address.Addr().Is4() {
		return "[" + address.Addr().String() + "]"
	}
	return "[IPv6:" + address.Addr().String() + "]"
}
