// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// mutant is one small change of one file.
type mutant struct {
	file     *source
	from, to int    // the bytes of the file that are replaced
	code     string // what replaces them
	line     int
	function string // the function or method that contains the change, or topLevel
	operator string
	// before and after show the change. The code may be longer: it keeps using
	// the variables and imports that the original uses, so that it compiles.
	before, after string
	// repeat tells equal changes of one function apart: 0 for the first.
	repeat int
}

// key identifies a mutant in the list of equivalent mutants. It survives moves
// of the function within the package.
func (m mutant) key() string { return m.where() + "\n" + m.change() }

// where returns the function, with a number if it has the same change twice.
func (m mutant) where() string {
	if m.repeat > 0 {
		return fmt.Sprintf("%s#%d", m.function, m.repeat+1)
	}
	return m.function
}

func (m mutant) change() string {
	return fmt.Sprintf("%s: %s → %s", m.operator, m.before, m.after)
}

func (m mutant) String() string {
	return fmt.Sprintf("%s:%d: %s", m.file.name, m.line, m.change())
}

// text returns the file with the change.
func (m mutant) text() string {
	return string(m.file.text[:m.from]) + m.code + string(m.file.text[m.to:])
}

// topLevel stands for the function of changes outside functions.
const topLevel = "package"

// source is one parsed file.
type source struct {
	name string // as the user named its directory
	path string // absolute
	text []byte
	fset *token.FileSet
	ast  *ast.File
}

// slice returns the text of a node.
func (s *source) slice(n ast.Node) string {
	return string(s.text[s.offset(n.Pos()):s.offset(n.End())])
}

func (s *source) offset(p token.Pos) int { return s.fset.Position(p).Offset }

// parsePackage parses the named files of a package's directory.
func parsePackage(directory string, names []string) ([]*source, error) {
	var files []*source
	for _, name := range names {
		path, err := filepath.Abs(filepath.Join(directory, name))
		if err != nil {
			return nil, err
		}
		s := &source{name: filepath.Join(directory, name), path: path, fset: token.NewFileSet()}
		if s.text, err = os.ReadFile(path); err != nil {
			return nil, err
		}
		if s.ast, err = parser.ParseFile(s.fset, path, s.text, parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		files = append(files, s)
	}
	return files, nil
}

// mutantsOf returns every mutant of the files, in the order of the text.
func mutantsOf(files []*source) []mutant {
	next, zero := enumerations(files)
	var all []mutant
	for _, s := range files {
		g := generator{source: s, next: next, zero: zero, seen: make(map[string]bool), repeats: make(map[string]int)}
		for _, declaration := range s.ast.Decls {
			g.declaration(declaration)
		}
		all = append(all, g.mutants...)
	}
	return all
}

// enumerations maps each constant of an iota block to the one that follows it,
// the last to the first. It also returns what a zero value may be written as.
func enumerations(files []*source) (next map[string]string, zero map[string]bool) {
	next = make(map[string]string)
	zero = map[string]bool{"nil": true, "0": true, `""`: true, "false": true}
	for _, s := range files {
		for _, declaration := range s.ast.Decls {
			block, ok := declaration.(*ast.GenDecl)
			if !ok || block.Tok != token.CONST {
				continue
			}
			var names []string
			for _, spec := range block.Specs {
				value := spec.(*ast.ValueSpec)
				if len(names) > 0 && len(value.Values) > 0 {
					continue // not a part of the enumeration
				}
				for _, name := range value.Names {
					if name.Name != "_" {
						names = append(names, name.Name)
					}
				}
			}
			if len(names) > 1 {
				zero[names[0]] = strings.HasSuffix(s.slice(block.Specs[0]), "= iota")
				for i, name := range names {
					next[name] = names[(i+1)%len(names)]
				}
			}
		}
	}
	return next, zero
}
