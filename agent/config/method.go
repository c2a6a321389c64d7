// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// The back-off between failed logins, if none is given.
const (
	defaultMinBackoff = time.Second
	defaultMaxBackoff = 5 * time.Minute
)

func readMethod(s *scope) Method {
	m := Method{Type: s.typed(), Pos: s.pos()}
	get(s, "mount_path", asText, &m.MountPath)
	get(s, "namespace", asText, &m.Namespace)
	get(s, "wrap_ttl", asSeconds, &m.WrapTTL)
	get(s, "min_backoff", asSeconds, &m.MinBackoff)
	get(s, "max_backoff", asSeconds, &m.MaxBackoff)
	get(s, "exit_on_err", asBool, &m.ExitOnErr)
	m.MountPath = strings.TrimSuffix(cmp.Or(m.MountPath, "auth/"+m.Type), "/")
	m.Namespace = canonicalNamespace(m.Namespace)
	if cmp.Or(m.MinBackoff, defaultMinBackoff) > cmp.Or(m.MaxBackoff, defaultMaxBackoff) {
		s.problem(StartError, "min_backoff", "is longer than max_backoff", "")
	}
	m.readConfig(s)
	s.finish(Warning)
	return m
}

// canonicalNamespace writes a namespace as Vault does: without a slash before,
// with one after.
func canonicalNamespace(namespace string) string {
	if namespace == "" {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(namespace, "/"), "/") + "/"
}

// readConfig reads the settings of the method. Vault Agent looks at them when it
// starts, not when it reads the file.
func (m *Method) readConfig(s *scope) {
	settings := s.settings("config")
	switch m.Type {
	case "approle":
		m.AppRole = readAppRole(settings)
	case "token_file":
		m.TokenFile = readTokenFile(settings)
		m.MountPath = "auth/token" // whatever is configured: only there is it a token
	case "cert":
		m.Cert = readCert(settings)
	case "jwt":
		m.JWT = readJWT(settings)
	case "kubernetes":
		m.Kubernetes = readKubernetes(settings)
	default:
		refuseMethod(s, m.Type, settings)
		return
	}
	settings.finish(Warning)
}

var (
	supportedMethods = []string{"approle", "cert", "jwt", "kubernetes", "token_file"}
	otherMethods     = []string{"alicloud", "aws", "azure", "cf", "gcp", "kerberos", "ldap", "oci"}
)

// refuseMethod: an unknown method with settings is refused by Vault Agent when
// it reads the file, one without when it starts.
func refuseMethod(s *scope, method string, settings *scope) {
	if method == "" {
		return // said already
	}
	hint := "certagent has " + strings.Join(supportedMethods, ", ")
	if slices.Contains(otherMethods, method) {
		s.problem(Unsupported, "", "certagent does not have this auth method", hint)
		return
	}
	kind := StartError
	for _, setting := range settings.items {
		if setting.Value.Kind == hclread.String {
			kind = LoadError
		}
	}
	all := slices.Concat(supportedMethods, otherMethods)
	if lower := strings.ToLower(method); lower != method && slices.Contains(all, lower) {
		hint = "the type key takes lower case only: " + strconv.Quote(lower)
	} else if meant := didYouMean(method, all); meant != "" {
		hint = meant
	}
	s.problem(kind, "", "unknown auth method "+strconv.Quote(method), hint)
}

// required reads a setting that a method cannot do without.
func required(s *scope, name string, to *string) {
	switch {
	case !s.has(name):
		s.asked = append(s.asked, name)
		s.problem(StartError, name, "is missing", "")
	case getAs(s, StartError, name, asString, to) && *to == "":
		s.problem(StartError, name, "is empty", "")
	}
}

// optional reads a setting that is a string.
func optional(s *scope, name string, to *string) bool {
	return getAs(s, StartError, name, asString, to)
}
