// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import "strconv"

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
func (v validator) rendered() int { return len(v.templates) + len(v.envTemplates) + len(v.bundles) }

// validate checks the merged document: Vault Agent's rules first, then ours.
func (v validator) validate() {
	v.checkTokenUse()
	v.checkConsumers()
	v.checkExecs()
	v.checkEnvTemplates()
	v.checkWrapping()
	v.checkBundles()
	v.checkTargets()
	v.checkDestinations()
}

func (v validator) checkTokenUse() {
	if v.cache != nil && v.apiProxy != nil && v.cache.token.given && v.apiProxy.token.given {
		v.problem(ValidateError, v.cache.pos, "cache", "use_auto_auth_token", "is set in api_proxy, too", "remove it here")
	}
	if v.cache != nil {
		if len(v.listeners)+v.rendered() == 0 {
			v.problem(ValidateError, v.cache.pos, "cache", "", "needs a listener or a template", "")
		}
		v.checkToken(v.cache.token, v.cache.pos, "cache")
	}
	if v.apiProxy != nil {
		if len(v.listeners) == 0 {
			v.problem(ValidateError, v.apiProxy.pos, "api_proxy", "", "needs a listener",
				"use_auto_auth_token in cache implies an api_proxy")
		}
		v.checkToken(v.apiProxy.token, v.apiProxy.pos, "api_proxy")
	}
}

func (v validator) checkToken(use tokenUse, pos Pos, block string) {
	switch {
	case !use.yes:
	case v.autoAuth == nil:
		v.problem(ValidateError, pos, block, "use_auto_auth_token", "needs auto_auth", "")
	case v.autoAuth.Method.WrapTTL > 0:
		v.problem(ValidateError, pos, block, "use_auto_auth_token", "contradicts wrap_ttl in auto_auth", "")
	}
}

func (v validator) checkConsumers() {
	switch {
	case v.autoAuth == nil && v.cache == nil && len(v.listeners) == 0:
		v.problem(ValidateError, Pos{}, "", "", "there is no auto_auth block", "without a login nothing can be rendered")
	case v.autoAuth == nil:
		v.problem(Unsupported, Pos{}, "", "", "there is no auto_auth block",
			"this version does nothing but log in and render; it does not serve listeners yet")
	case len(v.autoAuth.Sinks)+v.rendered() > 0:
	case v.apiProxy != nil && v.apiProxy.token.yes:
		v.problem(Unsupported, v.autoAuth.Pos, "auto_auth", "", "nothing uses the login",
			"this version does not serve api_proxy yet: add a sink or a template")
	default:
		v.problem(ValidateError, v.autoAuth.Pos, "auto_auth", "", "nothing uses the login", "add a sink or a template")
	}
}

// checkEnvTemplates: unlike Vault Agent, certagent runs a program beside
// templates that write files, and takes both sorts of templates together.
func (v validator) checkEnvTemplates() {
	if len(v.envTemplates) > 0 && v.apiProxy != nil {
		v.problem(ValidateError, v.apiProxy.pos, "api_proxy", "", "excludes env_template", "")
	}
	first := map[string]Pos{}
	for _, e := range v.envTemplates {
		block := "env_template " + strconv.Quote(e.Name)
		if len(v.execs) == 0 {
			v.problem(ValidateError, e.Pos, block, "", "needs an exec block", `add exec { command = ["PROGRAM"] }`)
		}
		if earlier, seen := first[e.Name]; seen {
			v.problem(ValidateError, e.Pos, block, "", "the variable is set already, at "+earlier.String(), "")
			continue
		}
		first[e.Name] = e.Pos
	}
}

// checkWrapping: Vault Agent accepts this, and then asks for secrets with the
// wrapping's JSON instead of a token.
func (v validator) checkWrapping() {
	if v.autoAuth != nil && v.autoAuth.Method.WrapTTL > 0 && v.rendered() > 0 {
		v.problem(StartError, v.autoAuth.Method.Pos, "auto_auth: method "+strconv.Quote(v.autoAuth.Method.Type), "wrap_ttl",
			"hides the token from the templates", "set wrap_ttl in the sink instead")
	}
}
