// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package probe

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"unicode"
)

// FuzzStartTLS lets a server say anything before TLS. An exchange ends, reads a bounded
// number of bytes, writes few, leaves the first byte of TLS unread, and its error can be
// printed.
func FuzzStartTLS(f *testing.F) {
	protocols := []StartTLS{Postgres, MySQL, SMTP, LDAP}
	for i, seeds := range [][]string{
		{"S", "N", "E\x00\x00\x00\x0cMtoo many\x00\x00", "E\xff\xff\xff\xff", "HTTP/1.1 400"},
		{
			"\x4a\x00\x00\x00\x0a8.0.33\x00\x01\x00\x00\x00abcdefgh\x00\xff\xff\xff\x02\x00\xff\xdf\x15",
			"\x09\x00\x00\x00\xff\x69\x04blocked", "\xff\xff\xff\x00",
		},
		{
			"220 mail\r\n250-mail\r\n250-PIPELINING\r\n250 STARTTLS\r\n220 go\r\n",
			"220-a\r\n220 b\r\n250 mail\r\n", "554 no\r\n", "250", "220 a\r\n250-x\r\n250 starttls\r\n220 go\r\n250 more\r\n",
		},
		{
			"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00", "\x30\x84\x00\x00\x00\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00",
			"\x30\xff", "\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff", "\x30\x00",
		},
	} {
		for _, answer := range seeds {
			f.Add(uint8(i), []byte(answer))
		}
	}
	f.Fuzz(func(t *testing.T, protocol uint8, answer []byte) {
		start := exchanges[protocols[int(protocol)%len(protocols)]]
		server := &saying{answer: bytes.NewReader(answer)}
		err := start(server)
		read := len(answer) - server.answer.Len()
		if read > 3*maxAnswer || server.heard > 1<<10 {
			t.Errorf("read %d bytes and wrote %d", read, server.heard)
		}
		if err != nil {
			text := err.Error()
			if len(text) > 2000 || strings.ContainsFunc(text, unicode.IsControl) {
				t.Errorf("the error is %q", text)
			}
			return
		}
		whole := &saying{answer: bytes.NewReader(answer[:read])}
		if err := start(whole); err != nil || whole.answer.Len() != 0 {
			t.Errorf("%d bytes were read, but from these alone %d, with the error %v", read, read-whole.answer.Len(), err)
		}
	})
}

// saying is a connection to a server that says what it has to say.
type saying struct {
	net.Conn
	answer *bytes.Reader
	heard  int
}

func (s *saying) Read(p []byte) (int, error)  { return s.answer.Read(p) }
func (s *saying) Write(p []byte) (int, error) { s.heard += len(p); return len(p), nil }
func (s *saying) LocalAddr() net.Addr         { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
