// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/nomad/api"
	"github.com/zclconf/go-cty/cty"
)

// readJob reads a job with hcl/v2 into the types of Nomad's API, whose tags say
// what a job may contain. Nomad's own parser does the same and knows more: short
// forms of constraints, dynamic blocks, functions, variables from outside. A
// job that is read here is one that Nomad reads, not the other way round.
// Fields that are not set get Nomad's defaults.
func readJob(path string) (any, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file, diagnostics := hclsyntax.ParseConfig(text, path, hcl.InitialPos)
	if diagnostics.HasErrors() {
		return nil, diagnostics
	}
	d := &decoder{text: text, values: &hcl.EvalContext{Variables: map[string]cty.Value{}}}
	body := file.Body.(*hclsyntax.Body)
	if err := d.readValues(body); err != nil {
		return nil, err
	}
	var job *api.Job
	for _, block := range body.Blocks {
		switch block.Type {
		case "variable", "locals":
		case "job":
			if job != nil || len(block.Labels) != 1 {
				return nil, fmt.Errorf("%s: there must be one job, with one name", block.TypeRange)
			}
			job = &api.Job{ID: &block.Labels[0], Name: &block.Labels[0]}
			if err := d.body(block.Body, job); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("%s: unknown block %q", block.TypeRange, block.Type)
		}
	}
	if job == nil {
		return nil, fmt.Errorf("%s: there is no job", path)
	}
	job.Canonicalize()
	return job, nil
}

// readValues reads what expressions may refer to: the variables, which have
// their defaults, and the locals.
func (d *decoder) readValues(body *hclsyntax.Body) error {
	for _, attribute := range body.Attributes {
		return fmt.Errorf("%s: unknown key %q", attribute.NameRange, attribute.Name)
	}
	variables, locals := map[string]cty.Value{}, map[string]cty.Value{}
	for _, block := range body.Blocks {
		if block.Type != "variable" {
			continue
		}
		preset := block.Body.Attributes["default"]
		if preset == nil || len(block.Labels) != 1 {
			return fmt.Errorf("%s: a variable needs a name and a default", block.TypeRange)
		}
		value, err := d.value(preset.Expr)
		if err != nil {
			return err
		}
		variables[block.Labels[0]] = value
	}
	d.values.Variables["var"] = cty.ObjectVal(variables)
	for _, block := range body.Blocks {
		if block.Type != "locals" {
			continue
		}
		for _, attribute := range block.Body.Attributes {
			value, err := d.value(attribute.Expr)
			if err != nil {
				return err
			}
			locals[attribute.Name] = value
		}
	}
	d.values.Variables["local"] = cty.ObjectVal(locals)
	return nil
}
