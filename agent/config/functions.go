// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"errors"
	"regexp"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// maxResult bounds what one call returns, because calls can be nested so that
// each multiplies the length of the one before.
const maxResult = 1 << 20

// newFunctions returns what expressions may call: what HCL's users know from
// other programs, as far as a configuration has a use for it.
func newFunctions(o *outside) map[string]function.Function {
	return map[string]function.Function{
		"env":        o.envFunction(),
		"file":       o.fileFunction(),
		"lower":      stdlib.LowerFunc,
		"upper":      stdlib.UpperFunc,
		"trimspace":  stdlib.TrimSpaceFunc,
		"trimprefix": stdlib.TrimPrefixFunc,
		"trimsuffix": stdlib.TrimSuffixFunc,
		"split":      stdlib.SplitFunc,
		"join":       joinFunction(),
		"format":     formatFunction(),
		"concat":     stdlib.ConcatFunc,
		"coalesce":   stdlib.CoalesceFunc,
		"tobool":     stdlib.MakeToFunc(cty.Bool),
		"tonumber":   stdlib.MakeToFunc(cty.Number),
		"tostring":   stdlib.MakeToFunc(cty.String),
	}
}

func textParameter(name string) function.Parameter {
	return function.Parameter{Name: name, Type: cty.String}
}

var errTooLong = errors.New("the result is longer than 1 MiB")

// joinFunction is join(separator, list...), with a bounded result.
func joinFunction() function.Function {
	lists := function.Parameter{Name: "lists", Type: cty.List(cty.String)}
	return function.New(&function.Spec{
		Params:   []function.Parameter{textParameter("separator")},
		VarParam: &lists,
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			length := 0
			for _, l := range args[1:] {
				for it := l.ElementIterator(); it.Next(); {
					if _, element := it.Element(); !element.IsNull() {
						length += len(element.AsString()) + len(args[0].AsString())
					}
				}
			}
			if length > maxResult {
				return cty.NilVal, errTooLong
			}
			return stdlib.Join(args[0], args[1:]...)
		},
	})
}

var wideVerb = regexp.MustCompile(`[0-9]{4}`)

// formatFunction is format(spec, values...), without widths that fill memory.
func formatFunction() function.Function {
	values := function.Parameter{Name: "values", Type: cty.DynamicPseudoType, AllowNull: true}
	return function.New(&function.Spec{
		Params:   []function.Parameter{textParameter("format")},
		VarParam: &values,
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			length := len(args[0].AsString())
			for _, arg := range args[1:] {
				if arg.Type() == cty.String && !arg.IsNull() {
					length += len(arg.AsString())
				}
			}
			if length > maxResult || wideVerb.MatchString(args[0].AsString()) {
				return cty.NilVal, errTooLong
			}
			return stdlib.Format(args[0], args[1:]...)
		},
	})
}
