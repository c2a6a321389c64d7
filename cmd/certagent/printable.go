// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printable escapes what a terminal could take for a command, and what changes the
// order of a text or is not seen. The text may come from a server, a program or a file.
func printable(text string) string {
	return escape(text, func(rune) bool { return false })
}

// printableLines is printable for a text of several lines, which may be indented.
func printableLines(text string) string {
	return escape(text, func(r rune) bool { return r == '\n' || r == '\t' })
}

func escape(text string, keep func(rune) bool) string {
	harmless := func(r rune) bool { return unicode.IsPrint(r) || keep(r) }
	if utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !harmless(r) }) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch invalid := r == utf8.RuneError && size == 1; {
		case invalid:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case harmless(r):
			b.WriteRune(r)
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
		text = text[size:]
	}
	return b.String()
}

// lineWriter makes what it gets printable and passes it on.
type lineWriter struct{ io.Writer }

func (w lineWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.Writer, printableLines(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// jsonWriter escapes, in lines of JSON, what encoding/json leaves as it is and a terminal
// could take for a command. The values stay the same.
type jsonWriter struct{ io.Writer }

func (w jsonWriter) Write(p []byte) (int, error) {
	harmful := func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }
	line := p
	if bytes.ContainsFunc(p, harmful) {
		line = nil
		for _, r := range string(p) {
			switch {
			case !harmful(r):
				line = utf8.AppendRune(line, r)
			case r > 0xffff:
				high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
				line = fmt.Appendf(line, `\u%04x\u%04x`, high, low)
			default:
				line = fmt.Appendf(line, `\u%04x`, r)
			}
		}
	}
	if _, err := w.Writer.Write(line); err != nil {
		return 0, err
	}
	return len(p), nil
}
