// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"go/ast"
	"strings"
)

// returned replaces the values of a return statement by others of their types.
func (g *generator) returned(n *ast.ReturnStmt) {
	types := g.resultTypes()
	switch {
	case len(n.Results) == 0:
		if len(types) == 0 {
			g.add(n, "remove statement", "nothing", "if false { return }")
		}
	case len(n.Results) == len(types):
		for i, value := range n.Results {
			g.value(value, types[i])
		}
	case len(n.Results) == 1: // return f()
		zeros := make([]string, len(types))
		for i, t := range types {
			zeros[i] = "*new(" + t + ")"
		}
		g.add(n.Results[0], "return zero", "zero values", "func() ("+strings.Join(types, ", ")+") { if true { return "+
			strings.Join(zeros, ", ")+" }; return "+g.slice(n.Results[0])+" }()")
	}
}

// value replaces one returned value. The original still compiles but is not
// evaluated.
func (g *generator) value(value ast.Expr, t string) {
	text := g.slice(value)
	composite, ok := value.(*ast.CompositeLit)
	switch empty := ok && len(composite.Elts) == 0; {
	case empty, g.zero[text], text == "true": // zero already, or changed by another operator
	case t == "bool":
		g.add(value, "return constant", "true", "true || ("+text+")")
		g.add(value, "return constant", "false", "false && ("+text+")")
	default:
		g.add(value, "return zero", "zero value", "func() "+t+" { if true { return *new("+t+") }; return "+text+" }()")
	}
}

// resultTypes returns the types of the results of the function around, one for
// each result.
func (g *generator) resultTypes() []string {
	if len(g.results) == 0 || g.results[len(g.results)-1] == nil {
		return nil
	}
	var types []string
	for _, field := range g.results[len(g.results)-1].List {
		for range max(1, len(field.Names)) {
			types = append(types, g.slice(field.Type))
		}
	}
	return types
}
