// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// literal is a string or a heredoc of the source, with its meaning in HCL's
// first version.
type literal struct {
	end  int // the offset after its last byte
	text string
}

func scanLiteral(src []byte, at int) (literal, *syntaxError) {
	if src[at] == '"' {
		end := quotedEnd(src, at)
		if end < 0 {
			return literal{}, &syntaxError{at, "the string has no closing quote", `a text of several lines is a heredoc: <<EOF … EOF`}
		}
		text, err := quotedText(string(src[at:end]))
		if err != nil {
			return literal{}, &syntaxError{at, err.Error(), `a backslash is written \\, a quote \"`}
		}
		return literal{end, text}, nil
	}
	end := heredocEnd(src, at)
	if end < 0 {
		return literal{}, &syntaxError{at, "the heredoc has no end", "its marker stands alone on the line after its last"}
	}
	// The line end belongs to the token in HCL's first version, to the attribute in the second.
	return literal{end - 1, heredocText(string(src[at:end]))}, nil
}

// quotedEnd returns the offset after the closing quote, or -1. Within ${ }
// quotes and line ends are text.
func quotedEnd(src []byte, at int) int {
	braces := 0
	for i := at + 1; i < len(src); i++ {
		switch c := src[i]; {
		case c == '\n' && braces == 0:
			return -1
		case c == '"' && braces == 0:
			return i + 1
		case c == '\\':
			i++
		case braces == 0 && bytes.HasPrefix(src[i:], []byte("${")):
			braces, i = 1, i+1
		case braces > 0 && c == '{':
			braces++
		case braces > 0 && c == '}':
			braces--
		}
	}
	return -1
}

// heredocEnd returns the offset after the line of the closing marker, or -1.
func heredocEnd(src []byte, at int) int {
	first := at + through(src[at:], "\n")
	marker := bytes.TrimPrefix(src[at+2:first-1], []byte("-"))
	if !isMarker(marker) {
		return -1
	}
	for line := first; line < len(src); {
		end := line + through(src[line:], "\n")
		if bytes.Equal(bytes.TrimRight(bytes.TrimLeft(src[line:end], " \t\v\f\r\n"), "\r\n"), marker) {
			return end
		}
		line = end
	}
	return -1
}

func isMarker(marker []byte) bool {
	if len(marker) == 0 || !utf8.Valid(marker) {
		return false
	}
	for _, r := range string(marker) {
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return false
		}
	}
	return true
}

// through returns the length of text up to the end of mark, or all of it.
func through(text []byte, mark string) int {
	if at := bytes.Index(text, []byte(mark)); at >= 0 {
		return at + len(mark)
	}
	return len(text)
}
