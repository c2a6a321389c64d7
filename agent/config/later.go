// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"strconv"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// What follows is read and checked as Vault Agent does, so that a mistake in it
// shows up, and then answered with a warning: certagent does nothing with it yet.

func notYet(s *scope) {
	s.problem(Warning, "", "read, but not implemented yet", "certagent runs without it")
}

// tokenUse is use_auto_auth_token of cache or api_proxy: whether it is set, and
// whether it says yes.
type tokenUse struct {
	given, yes bool
}

func readTokenUse(s *scope) tokenUse {
	use := tokenUse{given: s.has("use_auto_auth_token")}
	get(s, "use_auto_auth_token", asTokenUse, &use.yes)
	return use
}

func asTokenUse(v hclread.Value) (bool, error) {
	if v.Kind == hclread.String && strings.EqualFold(v.Text, "force") {
		return true, nil
	}
	yes, err := asRawBool(v)
	if err != nil {
		return false, &mismatch{`must be true, false or "force", not ` + v.Describe(), ""}
	}
	return yes, nil
}

// cache is the cache block.
type cache struct {
	token tokenUse
	pos   Pos
}

func readCache(s *scope) *cache {
	c := &cache{token: readTokenUse(s), pos: s.pos()}
	readConsistency(s)
	if persist := s.only(s.labelled("persist", "config")); persist != nil {
		kind := persist.typed()
		get(persist, "path", asText, new(string))
		get(persist, "keep_after_import", asBool, new(bool))
		get(persist, "exit_on_err", asBool, new(bool))
		get(persist, "service_account_token_file", asText, new(string))
		if kind != "kubernetes" && kind != "" {
			persist.problem(StartError, "", "unknown type "+strconv.Quote(kind), `the only one is "kubernetes"`)
		}
		persist.finish(Warning)
	}
	notYet(s)
	s.finish(Warning)
	return c
}

// readConsistency reads the keys that cache and api_proxy share. Vault Agent
// looks at their values when it starts.
func readConsistency(s *scope) {
	oneOf(s, StartError, "enforce_consistency", "", "never", "always")
	oneOf(s, StartError, "when_inconsistent", "", "fail", "retry", "forward")
}

func oneOf(s *scope, kind Kind, name string, words ...string) {
	var word string
	if !get(s, name, asText, &word) {
		return
	}
	for _, known := range words {
		if word == known {
			return
		}
	}
	s.problem(kind, name, "unknown value "+s.value(name).Describe(), "write "+strings.Join(words[1:], " or "))
}

// apiProxy is the api_proxy block.
type apiProxy struct {
	token tokenUse
	pos   Pos
}

func readAPIProxy(s *scope) *apiProxy {
	p := &apiProxy{token: readTokenUse(s), pos: s.pos()}
	readConsistency(s)
	notYet(s)
	s.finish(Warning)
	return p
}
