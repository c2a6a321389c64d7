// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

// validator checks what no block can see alone.
type validator struct {
	*document
	problems *Problems
}

func (v validator) problem(kind Kind, pos Pos, block, name, message, hint string) {
	*v.problems = append(*v.problems, Problem{
		Kind: kind, Pos: pos, Block: block, Name: name, Message: message, Hint: hint,
	})
}

// rendered is how much there is that needs secrets.
func (v validator) countRendered() int {
	return len(v.templates) + len(v.envTemplates) + len(v.bundles)
}

// validate checks the merged document: Vault Agent's rules first, then ours.
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
