// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"math/big"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// evaluate returns the value of an expression that is not a literal, such as
// env("ROLE").
func (r *hcl2Reader) evaluate(expr hclsyntax.Expression) Value {
	offset := expr.Range().Start.Byte
	if err := r.restore(expr); err != nil {
		return r.fail(err.Offset, err.Message, err.Hint)
	}
	world := &externalReads{lookupEnv: r.lookupEnv}
	result, diags := expr.Value(&hcl.EvalContext{Functions: newFunctions(world)})
	if errs := syntaxErrors(diags); len(errs) > 0 {
		return r.fail(errs[0].Offset, world.explain(errs[0]), "")
	}
	if !result.IsWhollyKnown() {
		return r.fail(offset, "the expression has no value", "")
	}
	return fromCty(result, offset)
}

// restore replaces the literals that hcl/v2 read from the masked text by those
// of the source. It refuses loops: a configuration does not need them, and
// nested loops can run for ever.
func (r *hcl2Reader) restore(expr hclsyntax.Expression) *SyntaxError {
	var failed *SyntaxError
	hclsyntax.VisitAll(expr, func(node hclsyntax.Node) hcl.Diagnostics {
		offset := node.Range().Start.Byte
		switch e := node.(type) {
		case *hclsyntax.ForExpr, *hclsyntax.SplatExpr:
			failed = &SyntaxError{offset, "loops are not supported", "list the values"}
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
				failed = &SyntaxError{offset, err.Error(), ""}
			case v.Kind == Integer:
				e.Val = cty.NumberIntVal(v.Int)
			}
		}
		return nil
	})
	return failed
}

// fromCty converts the result of an expression. All its parts have the place of
// the expression.
func fromCty(from cty.Value, offset int) Value {
	to := Value{Offset: offset, Computed: true}
	kind := from.Type()
	switch {
	case from.IsNull():
	case kind == cty.String:
		to.Kind, to.Text = String, from.AsString()
	case kind == cty.Bool:
		to.Kind, to.Bool = Bool, from.True()
	case kind == cty.Number:
		return fromNumber(from.AsBigFloat(), to)
	case kind.IsObjectType() || kind.IsMapType():
		to.Kind, to.Object = Block, &Object{}
		for it := from.ElementIterator(); it.Next(); {
			name, element := it.Element()
			to.Object.Items = append(to.Object.Items, Item{
				Name: name.AsString(), Value: fromCty(element, offset), Offset: offset, Assigned: true,
			})
		}
	case from.CanIterateElements():
		to.Kind = List
		for it := from.ElementIterator(); it.Next(); {
			_, element := it.Element()
			to.List = append(to.List, fromCty(element, offset))
		}
	}
	return to
}

func fromNumber(from *big.Float, to Value) Value {
	if i, exact := from.Int64(); exact == big.Exact {
		to.Kind, to.Int = Integer, i
	} else {
		to.Kind = Float
		to.Float, _ = from.Float64()
	}
	to.Text = from.Text('f', -1)
	return to
}
