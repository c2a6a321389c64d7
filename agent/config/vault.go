// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/certagent/certagent/agent/config/hclread"
	"github.com/certagent/certagent/settings"
)

// Vault is the vault block: how to connect to the server. Flags and environment
// have been applied.
type Vault struct {
	// Vault.Address is never empty. Namespace is for templates: the login has its
	// own, Method.Namespace.
	settings.Vault
	// NumRetries is how often a failed request of a template is retried;
	// negative means never.
	NumRetries int
	Pos        Pos
}

const (
	defaultAddress    = "https://127.0.0.1:8200"
	defaultNumRetries = 12
)

func readVault(s *scope) *Vault {
	v := &Vault{Pos: s.pos()}
	get(s, "address", asText, &v.Address)
	get(s, "ca_cert", asText, &v.CACert)
	get(s, "ca_path", asText, &v.CAPath)
	get(s, "client_cert", asText, &v.ClientCert)
	get(s, "client_key", asText, &v.ClientKey)
	get(s, "tls_server_name", asText, &v.TLSServerName)
	get(s, "tls_skip_verify", asRawBool, &v.TLSSkipVerify)
	get(s, "namespace", asText, &v.Namespace)
	if retry := s.block("retry"); retry != nil {
		get(retry, "num_retries", asNumeric, &v.NumRetries)
		retry.finish(Warning)
	}
	v.NumRetries = max(v.NumRetries, -1)
	v.Address = normalizeAddress(v.Address)
	s.finish(Warning)
	return v
}

// normalizeAddress returns a URL with an IPv6 host in the form that RFC 5952
// recommends, as Vault Agent does, so that it equals the address in a
// certificate or an allow list.
func normalizeAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Host, "[") {
		return address
	}
	ip := net.ParseIP(u.Hostname())
	if ip == nil {
		return address
	}
	host := "[" + ip.String() + "]"
	if port := u.Port(); port != "" {
		host += ":" + port
	}
	u.Host = host
	return u.String()
}

// readSubsystems reads disable_idle_connections or disable_keep_alives: a list
// of parts of the agent.
func readSubsystems(s *scope, name string) []string {
	var named []string
	get(s, name, asStringOrNumberList, &named)
	known, unknown := splitSubsystems(named)
	for _, word := range unknown {
		s.problem(LoadError, name, "unknown value "+hclread.Value{Kind: hclread.String, Text: word}.Describe(), subsystemHint)
	}
	return known
}

const subsystemHint = `write "auto-auth", "caching", "proxying" or "templating"`

func splitSubsystems(named []string) (known, unknown []string) {
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

// subsystemsFromEnv returns the list from an environment variable, separated by
// commas, or that of the files if the variable is not set.
func subsystemsFromEnv(o Overrides, variable string, fromFiles []string, problems *Problems) []string {
	set, _ := o.LookupEnv(variable)
	if set == "" {
		return fromFiles
	}
	words := strings.Split(strings.ToLower(set), ",")
	known, unknown := splitSubsystems(words)
	for _, word := range unknown {
		*problems = append(*problems, Problem{Kind: LoadError, Block: "environment", Name: variable,
			Message: "unknown value " + hclread.Value{Kind: hclread.String, Text: word}.Describe(), Hint: subsystemHint})
	}
	return known
}
