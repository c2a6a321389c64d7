// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// coverage is which blocks of a package its tests run.
type coverage struct {
	importPath string
	blocks     map[string]map[span]bool // by file name: whether a test runs the block
}

// span is a block of a cover profile: its lines and columns.
type span struct{ fromLine, fromColumn, toLine, toColumn int }

func (s span) contains(line, column int) bool {
	return (line > s.fromLine || line == s.fromLine && column >= s.fromColumn) &&
		(line < s.toLine || line == s.toLine && column < s.toColumn)
}

func newCoverage(importPath string) *coverage {
	return &coverage{importPath: importPath, blocks: make(map[string]map[span]bool)}
}

// read adds a cover profile.
func (c *coverage) read(profile string) error {
	text, err := os.ReadFile(profile)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		path, rest, _ := strings.Cut(line, ":")
		if filepath.Dir(path) != c.importPath {
			continue
		}
		var s span
		var statements, count int
		if _, err := fmt.Sscanf(rest, "%d.%d,%d.%d %d %d", &s.fromLine, &s.fromColumn, &s.toLine, &s.toColumn, &statements, &count); err != nil {
			return fmt.Errorf("%s: %q: %w", profile, line, err)
		}
		name := filepath.Base(path)
		if c.blocks[name] == nil {
			c.blocks[name] = make(map[span]bool)
		}
		c.blocks[name][s] = c.blocks[name][s] || count > 0
	}
	return nil
}

// runs reports whether a test runs the changed text. What is in no block, as a
// variable's initial value, counts as run.
func (c *coverage) runs(m mutant) bool {
	at := m.file.fset.File(m.file.ast.Pos()).Pos(m.from)
	position := m.file.fset.Position(at)
	for s, run := range c.blocks[filepath.Base(m.file.path)] {
		if s.contains(position.Line, position.Column) {
			return run
		}
	}
	return true
}
