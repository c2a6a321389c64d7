// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// coverage records which tests run which blocks of a package.
type coverage struct {
	importPath string
	blocks     map[string]map[span][]test // by file name
	tests      []test
}

// test is a top-level test of a package.
type test struct {
	pkg  int // index in bench.tests
	name string
	took time.Duration
}

// span is a block of a cover profile: its lines and columns.
type span struct{ fromLine, fromColumn, toLine, toColumn int }

func (s span) contains(line, column int) bool {
	return (line > s.fromLine || line == s.fromLine && column >= s.fromColumn) &&
		(line < s.toLine || line == s.toLine && column < s.toColumn)
}

func newCoverage(importPath string) *coverage {
	return &coverage{importPath: importPath, blocks: make(map[string]map[span][]test)}
}

// read adds the cover profile of a test.
func (c *coverage) read(profile string, by test) error {
	c.tests = append(c.tests, by)
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
			c.blocks[name] = make(map[span][]test)
		}
		tests := c.blocks[name][s]
		if count > 0 {
			tests = append(tests, by)
		}
		c.blocks[name][s] = tests
	}
	return nil
}

// testsOf returns the tests that run the changed text. For text outside all blocks,
// such as the initial value of a variable, it returns all tests.
func (c *coverage) testsOf(m mutant) []test {
	at := m.file.fset.File(m.file.ast.Pos()).Pos(m.from)
	position := m.file.fset.Position(at)
	for s, tests := range c.blocks[filepath.Base(m.file.path)] {
		if s.contains(position.Line, position.Column) {
			return tests
		}
	}
	return c.tests
}
