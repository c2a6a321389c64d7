// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// maxFileSize bounds what is read of one file, so that a wrong path (a device,
// a disk image) is a message and not a machine out of memory.
const maxFileSize = 4 << 20

// source is the text of one configuration file: without a byte order mark,
// with \n as its line ends, and with one at its end.
type source struct {
	name  string
	text  []byte
	lines []int // the offset of each line's start
}

func newSource(name string, text []byte) *source {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	s := &source{name: name, text: text, lines: []int{0}}
	for i, c := range text {
		if c == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
	return s
}

// isJSON tells whether the text is JSON, as Vault Agent decides: by its first
// byte that is not white space.
func (s *source) isJSON() bool {
	return bytes.HasPrefix(bytes.TrimSpace(s.text), []byte("{"))
}

// pos returns the place of an offset into the text.
func (s *source) pos(offset int) Pos {
	offset = max(0, min(offset, len(s.text)))
	line := sort.SearchInts(s.lines, offset+1) - 1
	return Pos{File: s.name, Line: line + 1, Column: offset - s.lines[line] + 1}
}

// excerpt returns the line at a place, or its part around the column if it is
// long, as in JSON written by a program.
func (s *source) excerpt(p Pos) string {
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

// expand returns the files that a path stands for: itself, or, for a
// directory, its *.hcl and *.json files in the order of their names. Vault
// Agent leaves that order to the file system.
func expand(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, err
	}
	var files []string
	for _, entry := range entries {
		file := filepath.Join(path, entry.Name())
		if !isConfigName(entry.Name()) {
			continue
		}
		// A named pipe would block; a directory is not read into.
		if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
			continue
		}
		files = append(files, file)
	}
	return files, nil
}

// isConfigName tells whether a file of a directory is configuration, and not
// an editor's backup or lock.
func isConfigName(name string) bool {
	if strings.HasPrefix(name, ".#") || strings.HasSuffix(name, "~") {
		return false
	}
	if strings.HasPrefix(name, "#") && strings.HasSuffix(name, "#") {
		return false
	}
	return strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".json")
}

func readSource(name string) (*source, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("the file is larger than %d MiB", maxFileSize>>20)
	}
	return newSource(name, text), nil
}
