// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// hcl2Reader reads HCL with hcl/v2.
type hcl2Reader struct {
	src       *source
	masked    *masked
	lookupEnv func(string) (string, bool)
	report    func(syntaxError)
	failed    bool // something was reported
}

// read returns the tree, or why the text is not HCL. Expressions that cannot be
// evaluated are reported, all of them, and are absent from the tree.
func (r *hcl2Reader) read() (*object, []syntaxError) {
	file, diags := hclsyntax.ParseConfig(r.masked.text, r.src.name, hcl.InitialPos)
	if errs := syntaxErrors(diags); len(errs) > 0 {
		return nil, errs
	}
	return r.body(file.Body.(*hclsyntax.Body)), nil
}

func (r *hcl2Reader) fail(offset int, message, hint string) value {
	r.failed = true
	r.report(syntaxError{offset, message, hint})
	return value{offset: offset}
}

func (r *hcl2Reader) body(body *hclsyntax.Body) *object {
	result := &object{}
	for _, attr := range body.Attributes {
		result.items = append(result.items, item{
			name:     attr.Name,
			value:    r.expression(attr.Expr),
			offset:   attr.NameRange.Start.Byte,
			assigned: true,
		})
	}
	for _, b := range body.Blocks {
		result.items = append(result.items, item{
			name:   b.Type,
			labels: r.labels(b),
			value:  value{kind: block, object: r.body(b.Body), offset: b.OpenBraceRange.Start.Byte},
			offset: b.TypeRange.Start.Byte,
		})
	}
	// The attributes come from a map.
	slices.SortFunc(result.items, func(a, b item) int { return cmp.Compare(a.offset, b.offset) })
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

// expression returns an expression's value. Literals keep their text and place;
// anything else is evaluated.
func (r *hcl2Reader) expression(expr hclsyntax.Expression) value {
	offset := expr.Range().Start.Byte
	switch e := expr.(type) {
	case *hclsyntax.TemplateExpr:
		if lit, ok := r.masked.literals[offset]; ok {
			return value{kind: text, text: lit.text, offset: offset}
		}
	case *hclsyntax.LiteralValueExpr:
		return r.literalValue(e)
	case *hclsyntax.UnaryOpExpr:
		if number, ok := e.Val.(*hclsyntax.LiteralValueExpr); ok && e.Op == hclsyntax.OpNegate {
			return r.number("-"+r.raw(number.SrcRange), offset)
		}
	case *hclsyntax.TupleConsExpr:
		result := value{kind: list, offset: offset}
		for _, element := range e.Exprs {
			result.list = append(result.list, r.expression(element))
		}
		return result
	case *hclsyntax.ObjectConsExpr:
		return r.objectExpression(e)
	case *hclsyntax.ScopeTraversalExpr:
		return r.bareWord(r.raw(e.SrcRange), offset)
	}
	return r.evaluate(expr)
}

func (r *hcl2Reader) bareWord(word string, offset int) value {
	const longest = 40
	if len(word) > longest {
		return r.fail(offset, "this is neither a value nor in quotes", "")
	}
	return r.fail(offset, `"`+word+`" is neither a value nor in quotes`, `write "`+word+`"`)
}

func (r *hcl2Reader) literalValue(e *hclsyntax.LiteralValueExpr) value {
	offset := e.SrcRange.Start.Byte
	switch {
	case e.Val.IsNull():
		return value{offset: offset}
	case e.Val.Type() == cty.Bool:
		return value{kind: boolean, truth: e.Val.True(), offset: offset}
	case e.Val.Type() == cty.Number:
		return r.number(r.raw(e.SrcRange), offset)
	}
	return r.evaluate(e)
}

func (r *hcl2Reader) number(raw string, offset int) value {
	v, err := number(raw)
	if err != nil {
		return r.fail(offset, err.Error(), "")
	}
	v.offset = offset
	return v
}

func (r *hcl2Reader) raw(at hcl.Range) string {
	return string(r.src.text[at.Start.Byte:at.End.Byte])
}

func (r *hcl2Reader) objectExpression(e *hclsyntax.ObjectConsExpr) value {
	result := value{kind: block, object: &object{}, offset: e.SrcRange.Start.Byte}
	for _, entry := range e.Items {
		key := r.key(entry.KeyExpr)
		result.object.items = append(result.object.items, item{
			name:     key.text,
			value:    r.expression(entry.ValueExpr),
			offset:   key.offset,
			assigned: true,
		})
	}
	return result
}

func (r *hcl2Reader) key(expr hclsyntax.Expression) value {
	offset := expr.Range().Start.Byte
	if lit, ok := r.masked.literals[offset]; ok {
		return value{kind: text, text: lit.text, offset: offset}
	}
	if name := hcl.ExprAsKeyword(expr); name != "" {
		return value{kind: text, text: name, offset: offset}
	}
	key := r.evaluate(expr)
	if key.kind != text {
		return r.fail(offset, "the key is not a string", "")
	}
	return key
}
