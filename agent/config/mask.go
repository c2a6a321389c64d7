// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"fmt"
)

// maxOperators bounds the operators of a file, outside strings and comments:
// hcl/v2 recurses for each, and a stack that overflows cannot be recovered from.
const maxOperators = 10_000

// masked is a source whose strings and heredocs are hidden, so that hcl/v2
// finds neither templates nor escapes of its own in them.
type masked struct {
	text     []byte          // as long as the source: offsets are the same in both
	literals map[int]literal // by the offset of their first byte
}

// mask replaces each string and heredoc by a quoted string of equal length.
func mask(src []byte) (*masked, *syntaxError) {
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
			return nil, &syntaxError{i, fmt.Sprintf("the file has more than %d operators", maxOperators), ""}
		}
		i = next
	}
	return m, nil
}

// isAssignment tells whether the byte is a "=" of its own, not of "==".
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
