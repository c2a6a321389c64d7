// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// decoder reads one file.
type decoder struct {
	text   []byte
	values *hcl.EvalContext // what expressions may refer to: var and local
}

// value is what an expression says. A reference to anything but variables and
// locals is for the client that runs the task to resolve, such as
// ${node.unique.name} or ${NOMAD_TASK_DIR}: it stays as it is written.
func (d *decoder) value(expression hclsyntax.Expression) (cty.Value, error) {
	if !d.isLate(expression) {
		value, diagnostics := expression.Value(d.values)
		if diagnostics.HasErrors() {
			return cty.NilVal, diagnostics
		}
		return value, nil
	}
	switch e := expression.(type) {
	case *hclsyntax.TemplateWrapExpr:
		return d.late(e.Wrapped), nil
	case *hclsyntax.TemplateExpr:
		return d.template(e)
	case *hclsyntax.TupleConsExpr:
		var elements []cty.Value
		for _, element := range e.Exprs {
			value, err := d.value(element)
			if err != nil {
				return cty.NilVal, err
			}
			elements = append(elements, value)
		}
		return cty.TupleVal(elements), nil
	}
	return cty.NilVal, fmt.Errorf("%s: a reference that is resolved when the task runs must stand in a string", expression.Range())
}

// template is a string with references in it.
func (d *decoder) template(e *hclsyntax.TemplateExpr) (cty.Value, error) {
	text := ""
	for _, part := range e.Parts {
		if d.isLate(part) {
			text += d.late(part).AsString()
			continue
		}
		value, err := d.value(part)
		if err == nil {
			value, err = convert.Convert(value, cty.String)
		}
		if err != nil {
			return cty.NilVal, err
		}
		text += value.AsString()
	}
	return cty.StringVal(text), nil
}

func (d *decoder) late(expression hclsyntax.Expression) cty.Value {
	return cty.StringVal("${" + string(expression.Range().SliceBytes(d.text)) + "}")
}

// isLate says whether an expression has a reference that the client resolves.
func (d *decoder) isLate(expression hclsyntax.Expression) bool {
	return slices.ContainsFunc(expression.Variables(), func(t hcl.Traversal) bool {
		return t.RootName() != "var" && t.RootName() != "local"
	})
}
