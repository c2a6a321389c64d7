// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// hcl2Reader reads HCL with hcl/v2.
type hcl2Reader struct {
	src       *Source
	masked    *masked
	lookupEnv func(string) (string, bool)
	report    func(SyntaxError)
	failed    bool // something was reported
}

// read returns the tree, or the errors if the text is not HCL. It reports every
// expression that cannot be evaluated and leaves it out of the tree.
func (r *hcl2Reader) read() (*Object, []SyntaxError) {
	file, diags := hclsyntax.ParseConfig(r.masked.text, r.src.Name, hcl.InitialPos)
	if errs := syntaxErrors(diags); len(errs) > 0 {
		return nil, errs
	}
	return r.body(file.Body.(*hclsyntax.Body)), nil
}

func (r *hcl2Reader) fail(offset int, message, hint string) Value {
	r.failed = true
	r.report(SyntaxError{offset, message, hint})
	return Value{Offset: offset}
}

func (r *hcl2Reader) body(body *hclsyntax.Body) *Object {
	result := &Object{}
	for _, attr := range body.Attributes {
		result.Items = append(result.Items, Item{
			Name:     attr.Name,
			Value:    r.expression(attr.Expr),
			Offset:   attr.NameRange.Start.Byte,
			Assigned: true,
		})
	}
	for _, b := range body.Blocks {
		result.Items = append(result.Items, Item{
			Name:   b.Type,
			Labels: r.labels(b),
			Value:  Value{Kind: Block, Object: r.body(b.Body), Offset: b.OpenBraceRange.Start.Byte},
			Offset: b.TypeRange.Start.Byte,
		})
	}
	// The attributes come from a map, in random order.
	slices.SortFunc(result.Items, func(a, b Item) int { return cmp.Compare(a.Offset, b.Offset) })
	return result
}

func (r *hcl2Reader) labels(b *hclsyntax.Block) []string {
	labels := slices.Clone(b.Labels)
	for i, at := range b.LabelRanges {
		if lit, quoted := r.masked.literals[at.Start.Byte]; quoted {
			labels[i] = lit.text
		}
	}
	return labels
}

// expression returns the value of an expression. Literals keep their text and
// place; anything else is evaluated.
func (r *hcl2Reader) expression(expr hclsyntax.Expression) Value {
	offset := expr.Range().Start.Byte
	switch e := expr.(type) {
	case *hclsyntax.TemplateExpr:
		if lit, ok := r.masked.literals[offset]; ok {
			return Value{Kind: String, Text: lit.text, Offset: offset}
		}
	case *hclsyntax.LiteralValueExpr:
		return r.literalValue(e)
	case *hclsyntax.UnaryOpExpr:
		if number, ok := e.Val.(*hclsyntax.LiteralValueExpr); ok && e.Op == hclsyntax.OpNegate {
			return r.number("-"+r.raw(number.SrcRange), offset)
		}
	case *hclsyntax.TupleConsExpr:
		result := Value{Kind: List, Offset: offset}
		for _, element := range e.Exprs {
			result.List = append(result.List, r.expression(element))
		}
		return result
	case *hclsyntax.ObjectConsExpr:
		return r.objectExpression(e)
	case *hclsyntax.ScopeTraversalExpr:
		return r.bareWord(r.raw(e.SrcRange), offset)
	}
	return r.evaluate(expr)
}

func (r *hcl2Reader) bareWord(word string, offset int) Value {
	const longest = 40
	if len(word) > longest {
		return r.fail(offset, "a string without quotes", "")
	}
	return r.fail(offset, `unquoted string "`+word+`"`, `write "`+word+`", with quotes`)
}

func (r *hcl2Reader) literalValue(e *hclsyntax.LiteralValueExpr) Value {
	offset := e.SrcRange.Start.Byte
	switch {
	case e.Val.IsNull():
		return Value{Offset: offset}
	case e.Val.Type() == cty.Bool:
		return Value{Kind: Bool, Bool: e.Val.True(), Offset: offset}
	case e.Val.Type() == cty.Number:
		return r.number(r.raw(e.SrcRange), offset)
	}
	return r.evaluate(e)
}

func (r *hcl2Reader) number(raw string, offset int) Value {
	v, err := number(raw)
	if err != nil {
		return r.fail(offset, err.Error(), "")
	}
	v.Offset = offset
	return v
}

func (r *hcl2Reader) raw(at hcl.Range) string {
	return string(r.src.text[at.Start.Byte:at.End.Byte])
}

func (r *hcl2Reader) objectExpression(e *hclsyntax.ObjectConsExpr) Value {
	result := Value{Kind: Block, Object: &Object{}, Offset: e.SrcRange.Start.Byte}
	for _, entry := range e.Items {
		key := r.key(entry.KeyExpr)
		result.Object.Items = append(result.Object.Items, Item{
			Name:     key.Text,
			Value:    r.expression(entry.ValueExpr),
			Offset:   key.Offset,
			Assigned: true,
		})
	}
	return result
}

func (r *hcl2Reader) key(expr hclsyntax.Expression) Value {
	offset := expr.Range().Start.Byte
	if lit, ok := r.masked.literals[offset]; ok {
		return Value{Kind: String, Text: lit.text, Offset: offset}
	}
	if name := hcl.ExprAsKeyword(expr); name != "" {
		return Value{Kind: String, Text: name, Offset: offset}
	}
	key := r.evaluate(expr)
	if key.Kind != String {
		return r.fail(offset, "the key is not a string", "")
	}
	return key
}
