// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluate returns the value of an expression that is more than a literal, such
// as env("ROLE").
func (r *hcl2Reader) evaluate(expr hclsyntax.Expression) value {
	offset := expr.Range().Start.Byte
	if err := r.restore(expr); err != nil {
		return r.fail(err.offset, err.message, err.hint)
	}
	world := &outside{lookupEnv: r.lookupEnv}
	result, diags := expr.Value(&hcl.EvalContext{Functions: newFunctions(world)})
	if errs := syntaxErrors(diags); len(errs) > 0 {
		return r.fail(errs[0].offset, world.explain(errs[0]), "")
	}
	if !result.IsWhollyKnown() {
		return r.fail(offset, "the expression has no value", "")
	}
	return fromCty(result, offset)
}

// restore puts the meaning of the source's literals in place of what hcl/v2 has
// read from the masked text. It refuses loops: configuration needs none, and
// nested ones take forever.
func (r *hcl2Reader) restore(expr hclsyntax.Expression) *syntaxError {
	var failed *syntaxError
	hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		offset := node.Range().Start.Byte
		switch e := node.(type) {
		case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
			failed = &syntaxError{offset, "loops are not supported", "write the values out"}
		case *hclsyntax.TemplateExpr:
			if lit, ok := r.masked.literals[offset]; ok {
				e.Parts = []hclsyntax.Expression{
					&hclsyntax.LiteralValueExpr{Val: cty.StringVal(lit.text), SrcRange: e.SrcRange},
				}
			}
		case *hclsyntax.LiteralValueExpr:
			if e.Val.Type() != cty.Number || e.Val.IsNull() {
				break
			}
			v, err := number(r.raw(e.SrcRange))
			switch {
			case err != nil:
				failed = &syntaxError{offset, err.Error(), ""}
			case v.kind == integer:
				e.Val = cty.NumberIntVal(v.integer)
			}
		}
		return nil
	})
	return failed
}

// fromCty converts what an expression returned; every part of it has the
// expression's place.
func fromCty(from cty.Value, offset int) value {
	to := value{offset: offset, computed: true}
	kind := from.Type()
	switch {
	case from.IsNull():
	case kind == cty.String:
		to.kind, to.text = text, from.AsString()
	case kind == cty.Bool:
		to.kind, to.truth = boolean, from.True()
	case kind == cty.Number:
		return fromNumber(from.AsBigFloat(), to)
	case kind.IsObjectType() || kind.IsMapType():
		to.kind, to.object = block, &object{}
		for it := from.ElementIterator(); it.Next(); {
			name, element := it.Element()
			to.object.items = append(to.object.items, item{
				name: name.AsString(), value: fromCty(element, offset), offset: offset, assigned: true,
			})
		}
	case from.CanIterateElements():
		to.kind = list
		for it := from.ElementIterator(); it.Next(); {
			_, element := it.Element()
			to.list = append(to.list, fromCty(element, offset))
		}
	}
	return to
}

func fromNumber(from *big.Float, to value) value {
	if i, exact := from.Int64(); exact == big.Exact {
		to.kind, to.integer = integer, i
	} else {
		to.kind = float
		to.float, _ = from.Float64()
	}
	to.text = from.Text('f', -1)
	return to
}
