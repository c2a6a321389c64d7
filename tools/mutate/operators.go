// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// statement removes a statement. "if false" keeps variables and imports in use.
func (g *generator) statement(n ast.Stmt) {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if n.Tok == token.DEFINE {
			return
		}
		if other := opposite(n.Tok); other != n.Tok {
			code := strings.Replace(g.slice(n), n.Tok.String(), other.String(), 1)
			g.add(n, "swap arithmetic", code, code)
		}
	case *ast.IncDecStmt:
		code := g.slice(n.X) + opposite(n.Tok).String()
		g.add(n, "swap arithmetic", code, code)
	case *ast.ExprStmt, *ast.SendStmt, *ast.GoStmt, *ast.DeferStmt, *ast.BranchStmt:
	default:
		return
	}
	g.add(n, "remove statement", "nothing", "if false { "+g.slice(n)+" }")
}

// clause removes the clause of a switch with a tag, and mutates the conditions of
// one without.
func (g *generator) clause(n *ast.CaseClause) {
	for _, statement := range n.Body {
		g.statement(statement)
	}
	for _, condition := range n.List {
		if boolean(condition) {
			g.condition(condition)
		}
	}
	if len(n.List) > 1 {
		for i, value := range n.List {
			g.dropElement(n.List, i, "drop case", g.slice(value))
		}
	}
	g.replace(n.Pos(), n.End(), "drop case", strings.SplitAfter(g.slice(n), "\n")[0], "nothing", "")
}

// boolean reports whether an expression is one of truth values by its form.
func boolean(e ast.Expr) bool {
	switch e := e.(type) {
	case *ast.ParenExpr:
		return boolean(e.X)
	case *ast.UnaryExpr:
		return e.Op == token.NOT
	case *ast.BinaryExpr:
		switch e.Op {
		case token.LAND, token.LOR, token.EQL, token.NEQ, token.LSS, token.LEQ, token.GTR, token.GEQ:
			return true
		}
	case *ast.CallExpr:
		return true // or does not compile
	}
	return false
}

func (g *generator) condition(n ast.Expr) {
	text := g.slice(n)
	g.add(n, "negate condition", "!("+text+")", "!("+text+")")
	g.add(n, "fix condition", "true", "true || ("+text+")")
	g.add(n, "fix condition", "false", "false && ("+text+")")
}

// loop leaves a loop before its body runs.
func (g *generator) loop(body *ast.BlockStmt) {
	g.replace(body.Lbrace, body.Lbrace+1, "skip loop", "{", "{ break", "{ if true { break }; ")
}

func (g *generator) binary(n *ast.BinaryExpr) {
	x, y := g.slice(n.X), g.slice(n.Y)
	switch n.Op {
	case token.LAND, token.LOR:
		// The dropped operand still compiles but is never evaluated.
		neutral := "true || "
		if n.Op == token.LOR {
			neutral = "false && "
		}
		op := " " + n.Op.String() + " "
		g.add(n, "drop operand", y, "("+neutral+"("+x+"))"+op+"("+y+")")
		g.add(n, "drop operand", x, "("+x+")"+op+"("+neutral+"("+y+"))")
	}
	for _, other := range replacements[n.Op] {
		code := x + " " + other.String() + " " + y
		if n.Op == token.LAND || n.Op == token.LOR {
			code = "(" + x + ") " + other.String() + " (" + y + ")"
		}
		g.replace(n.Pos(), n.End(), "swap operator", g.slice(n), x+" "+other.String()+" "+y, "("+code+")")
	}
}

var replacements = map[token.Token][]token.Token{
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.LSS: {token.LEQ, token.GEQ}, token.LEQ: {token.LSS, token.GTR},
	token.GTR: {token.GEQ, token.LEQ}, token.GEQ: {token.GTR, token.LSS},
	token.ADD: {token.SUB}, token.SUB: {token.ADD}, token.MUL: {token.QUO}, token.QUO: {token.MUL}, token.REM: {token.MUL},
	token.AND: {token.OR}, token.OR: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL},
}

// opposite returns the operator that undoes an assignment's.
func opposite(op token.Token) token.Token {
	for _, pair := range [][2]token.Token{
		{token.INC, token.DEC}, {token.ADD_ASSIGN, token.SUB_ASSIGN}, {token.MUL_ASSIGN, token.QUO_ASSIGN},
		{token.AND_ASSIGN, token.OR_ASSIGN}, {token.SHL_ASSIGN, token.SHR_ASSIGN},
	} {
		switch op {
		case pair[0]:
			return pair[1]
		case pair[1]:
			return pair[0]
		}
	}
	return op
}

func (g *generator) literal(n *ast.BasicLit) {
	switch n.Kind {
	case token.INT:
		value, err := strconv.ParseInt(n.Value, 0, 64)
		if err != nil {
			return
		}
		g.add(n, "change constant", strconv.FormatInt(value+1, 10), strconv.FormatInt(value+1, 10))
		if value > 0 {
			g.add(n, "change constant", strconv.FormatInt(value-1, 10), strconv.FormatInt(value-1, 10))
		}
	case token.FLOAT:
		g.add(n, "change constant", n.Value+"*2", "("+n.Value+"*2)")
	case token.STRING:
		after := `""`
		if n.Value == after || n.Value == "``" {
			after = `"mutant"`
		}
		g.add(n, "change constant", after, after)
	}
}

func (g *generator) identifier(n *ast.Ident) {
	switch n.Name {
	case "true":
		g.add(n, "change constant", "false", "false")
	case "false":
		g.add(n, "change constant", "true", "true")
	case "min":
		g.add(n, "swap function", "max", "max")
	case "max":
		g.add(n, "swap function", "min", "min")
	}
	if other, ok := g.next[n.Name]; ok {
		g.add(n, "swap constant", other, other)
	}
}

// antonyms are methods and functions that take and return the same types.
var antonyms = map[string]string{
	"Before": "After", "After": "Before", "HasPrefix": "HasSuffix", "HasSuffix": "HasPrefix",
	"TrimPrefix": "TrimSuffix", "TrimSuffix": "TrimPrefix", "CutPrefix": "CutSuffix", "CutSuffix": "CutPrefix",
}

func (g *generator) selector(n *ast.SelectorExpr) {
	if other, ok := antonyms[n.Sel.Name]; ok {
		g.add(n.Sel, "swap function", other, other)
	}
}

// composite drops elements, and reorders those of a list.
func (g *generator) composite(n *ast.CompositeLit) {
	_, list := n.Type.(*ast.ArrayType)
	for i, element := range n.Elts {
		if field, ok := element.(*ast.KeyValueExpr); ok && g.zero[g.slice(field.Value)] {
			continue // the same without it, unless it is an element of a map
		}
		g.dropElement(n.Elts, i, "drop element", g.slice(element))
	}
	for i := 0; list && i < len(n.Elts)-1; i++ {
		g.move(n.Elts, i, i+1)
		if i+1 < len(n.Elts)-1 {
			g.move(n.Elts, i, len(n.Elts)-1)
		}
	}
}

// dropElement removes an element of a list together with its comma.
func (g *generator) dropElement(list []ast.Expr, i int, operator, before string) {
	from, to := list[i].Pos(), list[i].End()
	if i+1 < len(list) {
		to = list[i+1].Pos()
	} else if i > 0 {
		from = list[i-1].End()
	}
	g.replace(from, to, operator, before, "nothing", "")
}

// move takes an element of a list behind a later one.
func (g *generator) move(list []ast.Expr, i, behind int) {
	var order []string
	for _, element := range list[i+1 : behind+1] {
		order = append(order, g.slice(element))
	}
	order = append(order, g.slice(list[i]))
	g.replace(list[i].Pos(), list[behind].End(), "reorder", g.slice(list[i]),
		"behind "+oneLine(g.slice(list[behind])), strings.Join(order, ", "))
}
