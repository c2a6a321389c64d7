// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
)

// generator collects the mutants of one file.
type generator struct {
	*source
	next     map[string]string // see enumerations
	zero     map[string]bool   // see enumerations
	function string
	results  []*ast.FieldList // of the functions around the node, the innermost last
	seen     map[string]bool
	repeats  map[string]int
	mutants  []mutant
}

// add notes a mutant that replaces a node.
func (g *generator) add(n ast.Node, operator, after, code string) {
	g.replace(n.Pos(), n.End(), operator, g.slice(n), after, code)
}

// replace notes a mutant. Of several with the same outcome only the first is kept.
func (g *generator) replace(from, to token.Pos, operator, before, after, code string) {
	m := mutant{
		file: g.source, from: g.offset(from), to: g.offset(to), code: code, line: g.fset.Position(from).Line,
		function: g.function, operator: operator, before: oneLine(before), after: oneLine(after),
	}
	outcome := fmt.Sprint(m.from, m.to, m.code)
	if g.seen[outcome] {
		return
	}
	g.seen[outcome] = true
	m.repeat = g.repeats[m.key()]
	g.repeats[m.key()]++
	g.mutants = append(g.mutants, m)
}

// oneLine joins the lines of a text.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func (g *generator) declaration(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Body == nil {
			return
		}
		g.function = d.Name.Name
		if d.Recv != nil && len(d.Recv.List) > 0 {
			g.function = "(" + g.slice(d.Recv.List[0].Type) + ")." + g.function
		}
		g.results = []*ast.FieldList{d.Type.Results}
		g.walk(d.Body)
	case *ast.GenDecl:
		g.function, g.results = topLevel, nil
		for _, spec := range d.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok {
				for _, v := range value.Values {
					g.walk(v)
				}
			}
		}
	}
}

// walk visits a node and what is below it.
func (g *generator) walk(n ast.Node) {
	if n == nil {
		return
	}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			g.results = append(g.results, n.Type.Results)
			g.walk(n.Body)
			g.results = g.results[:len(g.results)-1]
			return false
		case *ast.SelectorExpr: // the selected name is none of our constants
			g.walk(n.X)
			g.selector(n)
			return false
		case *ast.KeyValueExpr:
			if _, field := n.Key.(*ast.Ident); !field {
				g.walk(n.Key)
			}
			g.walk(n.Value)
			return false
		case *ast.BranchStmt, *ast.Field:
			g.visit(n)
			return false
		case nil:
			return false
		}
		g.visit(n)
		return true
	})
}

// visit notes the mutants of a node itself.
func (g *generator) visit(n ast.Node) {
	switch n := n.(type) {
	case *ast.BlockStmt:
		for _, statement := range n.List {
			g.statement(statement)
		}
	case *ast.CaseClause:
		g.clause(n)
	case *ast.CommClause:
		for _, statement := range n.Body {
			g.statement(statement)
		}
	case *ast.IfStmt:
		g.condition(n.Cond)
	case *ast.ForStmt:
		if n.Cond != nil {
			g.add(n.Cond, "negate condition", "!("+g.slice(n.Cond)+")", "!("+g.slice(n.Cond)+")")
		}
		g.loop(n.Body)
	case *ast.RangeStmt:
		g.loop(n.Body)
	case *ast.BinaryExpr:
		g.binary(n)
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			g.add(n, "drop negation", g.slice(n.X), g.slice(n.X))
		}
	case *ast.BasicLit:
		g.literal(n)
	case *ast.Ident:
		g.identifier(n)
	case *ast.CompositeLit:
		g.composite(n)
	case *ast.ReturnStmt:
		g.returned(n)
	}
}
