// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"bytes"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// maxOperators limits the number of operators in a file, outside strings and
// comments. hcl/v2 recurses for each, and a stack overflow cannot be recovered
// from.
const maxOperators = 10_000

// masked is a source whose strings and heredocs are hidden, so that hcl/v2 does
// not interpret templates and escape sequences in them.
type masked struct {
	text     []byte          // of the same length as the source, so that offsets are equal
	literals map[int]literal // by offset
}

// mask replaces each string and heredoc by a quoted string of the same length.
func mask(src []byte) (*masked, *SyntaxError) {
	m := &masked{text: bytes.Clone(src), literals: map[int]literal{}}
	var depth, operators int
	for i := 0; i < len(src); {
		rest := src[i:]
		next := i + 1
		switch {
		case rest[0] == '#' || bytes.HasPrefix(rest, []byte("//")):
			next = i + through(rest, "\n")
		case bytes.HasPrefix(rest, []byte("/*")):
			next = i + 2 + through(rest[2:], "*/")
		case rest[0] == '"' || bytes.HasPrefix(rest, []byte("<<")):
			lit, err := scanLiteral(src, i)
			if err != nil {
				return nil, err
			}
			m.hide(i, lit)
			next = lit.end
		case bytes.IndexByte([]byte("{[("), rest[0]) >= 0:
			depth++
		case bytes.IndexByte([]byte("}])"), rest[0]) >= 0:
			depth--
		case bytes.IndexByte([]byte("!?+-*/%<>&|.="), rest[0]) >= 0 && !isAssignment(src, i):
			operators++
		}
		if depth > maxDepth {
			return nil, tooDeep(i)
		}
		if operators > maxOperators {
			return nil, &SyntaxError{i, fmt.Sprintf("the file has more than %d operators", maxOperators), ""}
		}
		i = next
	}
	return m, nil
}

// isAssignment reports whether the byte is a single "=", not a part of "==".
func isAssignment(src []byte, i int) bool {
	return src[i] == '=' && src[i-min(i, 1)] != '=' && src[min(i+1, len(src)-1)] != '='
}

func (m *masked) hide(at int, lit literal) {
	m.literals[at] = lit
	for i := at; i < lit.end; i++ {
		m.text[i] = 'x'
	}
	m.text[at], m.text[lit.end-1] = '"', '"'
}

// literal is a string or heredoc of the source, with its meaning in HCL's first
// version.
type literal struct {
	end  int // the offset after its last byte
	text string
}

func scanLiteral(src []byte, at int) (literal, *SyntaxError) {
	if src[at] == '"' {
		end := quotedEnd(src, at)
		if end < 0 {
			return literal{}, &SyntaxError{at, "the string has no closing quote", `write a string of several lines as a heredoc: <<EOF … EOF`}
		}
		text, err := quotedText(string(src[at:end]))
		if err != nil {
			return literal{}, &SyntaxError{at, err.Error(), `write a backslash as \\ and a quote as \"`}
		}
		return literal{end, text}, nil
	}
	end := heredocEnd(src, at)
	if end < 0 {
		return literal{}, &SyntaxError{at, "the heredoc has no closing marker", "write the marker alone on the line after the text"}
	}
	// The line end is part of the token in HCL's first version, and of the attribute in the second.
	return literal{end - 1, heredocText(string(src[at:end]))}, nil
}

// quotedEnd returns the offset after the closing quote, or -1. Quotes and line
// ends within ${ } are text.
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

// through returns the length of text up to and including mark, or of all text
// if mark is not in it.
func through(text []byte, mark string) int {
	if at := bytes.Index(text, []byte(mark)); at >= 0 {
		return at + len(mark)
	}
	return len(text)
}
