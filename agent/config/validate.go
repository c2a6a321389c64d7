// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

// validator checks what concerns several blocks. The checks are in the files of
// the blocks.
type validator struct {
	*document
	problems *Problems
}

func (v validator) problem(kind Kind, pos Pos, block, name, message, hint string) {
	*v.problems = append(*v.problems, Problem{
		Kind: kind, Pos: pos, Block: block, Name: name, Message: message, Hint: hint,
	})
}

// countRendered returns the number of templates, env_templates and bundles,
// which all need secrets.
func (v validator) countRendered() int {
	return len(v.templates) + len(v.envTemplates) + len(v.bundles)
}

// validate checks the merged document: Vault Agent's rules first, then those of
// certagent.
func (v validator) validate() {
	v.checkTokenUse()
	v.checkTokenIsUsed()
	v.checkExecs()
	v.checkEnvTemplates()
	v.checkWrapping()
	v.checkBundles()
	v.checkTargets()
	v.checkDestinations()
}
