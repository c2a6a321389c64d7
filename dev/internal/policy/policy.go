// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package policy parses and evaluates Vault policies. It supports capabilities, the
// glob at the end of a path and + for one segment. It refuses restrictions on
// parameters, so that none is silently ignored.
package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl"
	"github.com/hashicorp/hcl/hcl/ast"
)

// Policy is a parsed policy.
type Policy struct{ rules []rule }

// rule is a path block.
type rule struct {
	path         string
	capabilities capabilities
}

// legacy maps the values of the older attribute policy = "…" to capabilities.
var legacy = map[string][]string{
	"deny":  {Deny},
	"read":  {ReadCap, ListCap},
	"write": {Create, ReadCap, Update, DeleteCap, ListCap},
	"sudo":  {Create, ReadCap, Update, DeleteCap, ListCap, Sudo},
}

// Parse parses a policy, in HCL or JSON.
func Parse(text string) (*Policy, error) {
	root, err := hcl.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("failed to parse policy: %w", err)
	}
	list, ok := root.Node.(*ast.ObjectList)
	if !ok {
		return nil, fmt.Errorf("failed to parse policy: does not contain a root object")
	}
	p := &Policy{}
	for _, item := range list.Filter("path").Items {
		r, err := parseRule(item)
		if err != nil {
			return nil, fmt.Errorf("failed to parse policy: %w", err)
		}
		p.rules = append(p.rules, r)
	}
	return p, nil
}

func parseRule(item *ast.ObjectItem) (rule, error) {
	path := ""
	if len(item.Keys) > 0 {
		path, _ = item.Keys[0].Token.Value().(string)
	}
	var body struct {
		Policy       string
		Capabilities []string
		Allowed      map[string]any `hcl:"allowed_parameters"`
		Denied       map[string]any `hcl:"denied_parameters"`
		Required     []string       `hcl:"required_parameters"`
	}
	if err := hcl.DecodeObject(&body, item.Val); err != nil {
		return rule{}, fmt.Errorf("path %q: %w", path, err)
	}
	if body.Allowed != nil || body.Denied != nil || body.Required != nil {
		return rule{}, fmt.Errorf("path %q: the dev server does not know restrictions on parameters", path)
	}
	r := rule{path: strings.TrimPrefix(path, "/"), capabilities: capabilities{}}
	names := body.Capabilities
	if body.Policy != "" {
		if legacy[body.Policy] == nil {
			return rule{}, fmt.Errorf("path %q: invalid policy %q", path, body.Policy)
		}
		names = append(names, legacy[body.Policy]...)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return rule{}, fmt.Errorf("path %q: invalid capability %q", path, name)
		}
		r.capabilities[name] = true
	}
	return r, nil
}
