// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package hclread

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/certagent/certagent/safefile"
)

// maxResultLength limits the result of one call. Nested calls could otherwise
// multiply the length with each level.
const maxResultLength = 1 << 20

// newFunctions returns the functions of expressions: those that are known from
// other programs and useful in a configuration.
func newFunctions(o *externalReads) map[string]function.Function {
	return map[string]function.Function{
		"env":        o.env(),
		"file":       o.file(),
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

// joinFunction is join(separator, list...) with a limited result.
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
			if length > maxResultLength {
				return cty.NilVal, errTooLong
			}
			return stdlib.Join(args[0], args[1:]...)
		},
	})
}

var wideVerb = regexp.MustCompile(`[0-9]{4}`)

// formatFunction is format(spec, values...) without widths that would fill the
// memory.
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
			if length > maxResultLength || wideVerb.MatchString(args[0].AsString()) {
				return cty.NilVal, errTooLong
			}
			return stdlib.Format(args[0], args[1:]...)
		},
	})
}

// externalReads holds the functions that read the environment and files. It
// records what they return while one expression is evaluated: that may be a
// secret, which no message may show.
type externalReads struct {
	lookupEnv func(string) (string, bool)
	returned  []string // by the functions
	err       error    // of the function that failed
}

// record returns the result of a function and records it.
func (o *externalReads) record(content string, err error) (cty.Value, error) {
	if err != nil {
		o.err = err
		return cty.NilVal, err
	}
	o.returned = append(o.returned, content)
	return cty.StringVal(content), nil
}

// explain returns the message for an expression that failed: the error of our
// function, or that of hcl/v2, which quotes values, if nothing was read.
func (o *externalReads) explain(err SyntaxError) string {
	if o.err == nil {
		if len(o.returned) > 0 {
			return err.Message
		}
		return lowerFirst(strings.TrimSuffix(err.Hint, "."))
	}
	for _, content := range o.returned {
		if content != "" && strings.Contains(o.err.Error(), content) {
			return err.Message
		}
	}
	return o.err.Error()
}

// env is env(name) and env(name, default). A variable that is not set and has
// no default is an error, because an empty role or path would cause an error
// later that is harder to understand.
func (o *externalReads) env() function.Function {
	fallback := textParameter("default")
	return function.New(&function.Spec{
		Params:   []function.Parameter{textParameter("name")},
		VarParam: &fallback,
		Type:     function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name := args[0].AsString()
			set, ok := o.lookupEnv(name)
			switch {
			case ok:
				return o.record(set, nil)
			case len(args) > 1:
				return args[1], nil
			}
			return o.record("", fmt.Errorf("the environment variable %q is not set", name))
		},
	})
}

// file is file(path): the content of a regular file. A relative path is
// relative to the working directory, as all paths of the configuration are.
func (o *externalReads) file() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{textParameter("path")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return o.record(readRegularFile(args[0].AsString()))
		},
	})
}

func readRegularFile(path string) (string, error) {
	content, err := safefile.Read(path, maxResultLength)
	return string(content), err
}
