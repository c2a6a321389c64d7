// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/certagent/certagent/safefile"
)

// Pos is a place in a configuration file. Line and Column count from 1, Column
// in bytes, as Go's tools count. The zero value is no place.
type Pos struct {
	File         string
	Line, Column int
}

// String returns file:line:column, or as much of it as is known.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// Source is the text of one configuration file, without a byte order mark, with
// \n as line ends, and with one at its end.
type Source struct {
	Name  string
	text  []byte
	lines []int // the offset of the start of each line
}

func NewSource(name string, text []byte) *Source {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	s := &Source{Name: name, text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// IsJSON reports whether the text is JSON. As in Vault Agent, the first byte
// that is not white space decides.
func (s *Source) IsJSON() bool {
	return bytes.HasPrefix(bytes.TrimSpace(s.text), []byte("{"))
}

// Pos returns the place of an offset.
func (s *Source) Pos(offset int) Pos {
	offset = max(0, min(offset, len(s.text)))
	line := sort.SearchInts(s.lines, offset+1) - 1
	return Pos{File: s.Name, Line: line + 1, Column: offset - s.lines[line] + 1}
}

// Excerpt returns the line at a place or, if the line is long, as in JSON
// written by a program, the part of it around the column.
func (s *Source) Excerpt(p Pos) string {
	if p.Line < 1 || p.Line >= len(s.lines) {
		return ""
	}
	line := s.text[s.lines[p.Line-1] : s.lines[p.Line]-1]
	const before, after = 40, 80
	if len(line) <= before+after {
		return strings.TrimSpace(string(line))
	}
	from, to := max(0, p.Column-1-before), min(len(line), p.Column-1+after)
	part := string(line[from:to])
	if from > 0 {
		part = "… " + part
	}
	if to < len(line) {
		part += " …"
	}
	return strings.TrimSpace(strings.ToValidUTF8(part, ""))
}

// ReadFile reads a configuration file: a regular one, or what a shell hands over as
// /dev/stdin or /dev/fd/N.
func ReadFile(name string) (*Source, error) {
	text, err := safefile.ReadInput(name, safefile.MaxConfig)
	if err != nil {
		return nil, err
	}
	return NewSource(name, text), nil
}
