// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// outside is what expressions can see of the world: the environment and files.
// It remembers what the expression that is being evaluated has seen, because
// that may be a secret, and no message must show it.
type outside struct {
	lookupEnv func(string) (string, bool)
	seen      []string // what was returned
	failed    error    // why nothing was
}

// answer is what a function returns, taken down.
func (o *outside) answer(content string, err error) (cty.Value, error) {
	if err != nil {
		o.failed = err
		return cty.NilVal, err
	}
	o.seen = append(o.seen, content)
	return cty.StringVal(content), nil
}

// explain returns what may be said about an expression that failed: our own
// error, or hcl/v2's, which quotes values, if nothing was seen.
func (o *outside) explain(err syntaxError) string {
	if o.failed == nil {
		if len(o.seen) > 0 {
			return err.message
		}
		return lowerFirst(strings.TrimSuffix(err.hint, "."))
	}
	for _, content := range o.seen {
		if content != "" && strings.Contains(o.failed.Error(), content) {
			return err.message
		}
	}
	return o.failed.Error()
}

// envFunction is env(name) and env(name, default). A variable that is not set
// and has no default is an error: an empty role or path fails later, elsewhere,
// and harder to understand.
func (o *outside) envFunction() function.Function {
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
				return o.answer(set, nil)
			case len(args) > 1:
				return args[1], nil
			}
			return o.answer("", fmt.Errorf("the environment variable %q is not set", name))
		},
	})
}

// fileFunction is file(path): the content of a regular file, relative to the
// working directory, as all paths of the configuration are.
func (o *outside) fileFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{textParameter("path")},
		Type:   function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return o.answer(readRegular(args[0].AsString()))
		},
	})
}

func readRegular(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%q is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxResult+1))
	if err == nil && len(content) > maxResult {
		err = fmt.Errorf("%q is larger than 1 MiB", path)
	}
	return string(content), err
}
