// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
)

// readSubsystems reads disable_idle_connections or disable_keep_alives: whose
// connections to Vault are meant.
func readSubsystems(s *scope, name string) []string {
	var named []string
	get(s, name, asLooseList, &named)
	known, unknown := sortSubsystems(named)
	for _, word := range unknown {
		s.problem(LoadError, name, "unknown value "+hclread.Value{Kind: hclread.String, Text: word}.Describe(), subsystemHint)
	}
	return known
}

const subsystemHint = `write "auto-auth", "caching", "proxying" or "templating"`

func sortSubsystems(named []string) (known, unknown []string) {
	for _, word := range named {
		switch word {
		case "":
		case "auto-auth", "caching", "proxying", "templating":
			known = union(known, []string{word})
		default:
			unknown = append(unknown, word)
		}
	}
	return known, unknown
}

func union(a, b []string) []string {
	all := slices.Clone(a)
	for _, word := range b {
		if !slices.Contains(all, word) {
			all = append(all, word)
		}
	}
	return all
}

// subsystemsFromEnv lets an environment variable, a list with commas, replace
// what the files say.
func subsystemsFromEnv(o Overrides, variable string, fromFiles []string, problems *Problems) []string {
	set, _ := o.LookupEnv(variable)
	if set == "" {
		return fromFiles
	}
	words := strings.Split(strings.ToLower(set), ",")
	known, unknown := sortSubsystems(words)
	for _, word := range unknown {
		*problems = append(*problems, Problem{Kind: LoadError, Block: "environment", Name: variable,
			Message: "unknown value " + hclread.Value{Kind: hclread.String, Text: word}.Describe(), Hint: subsystemHint})
	}
	return known
}
