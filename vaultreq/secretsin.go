// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package vaultreq

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/certagent/certagent/redact"
)

// public lists parameters whose values are no secrets, and occur in the reasons that
// Vault gives for a refusal.
var public = []string{
	"common_name", "alt_names", "ip_sans", "uri_sans", "other_sans", "ttl", "max_ttl", "not_after", "not_before_duration", "format",
	"private_key_format", "csr", "exclude_cn_from_sans", "user_ids", "serial_number", "remove_roots_from_chain", "key_type",
	"key_bits", "signature_bits", "use_pss", "issuer_ref", "cert_metadata", "role", "name", "username", "policies", "increment",
	"lease_id", "valid_principals", "cert_type", "public_key", "key_name", "key_id", "version", "display_name", "path",
}

// Credentials reports whether what is sent to a path, without /v1/, consists of
// credentials: a login, or a token to be wrapped or unwrapped.
func Credentials(path string) bool {
	path = strings.Trim(path, "/")
	if strings.HasPrefix(path, "sys/wrapping/") {
		return true
	}
	return strings.HasPrefix(path, "auth/") && slices.Contains(strings.Split(path, "/"), "login")
}

// SecretsIn returns the texts in the body of a request, which is JSON, that must not be
// shown: all but the values of parameters that are known to be public.
func SecretsIn(body []byte) []redact.Secret {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil
	}
	return secretsIn(nil, "", value)
}

func secretsIn(list []redact.Secret, name string, value any) []redact.Secret {
	switch v := value.(type) {
	case string:
		if !slices.Contains(public, name) {
			list = append(list, redact.Secret(v))
		}
	case []any:
		for _, item := range v {
			list = secretsIn(list, name, item)
		}
	case map[string]any:
		for key, item := range v {
			list = secretsIn(list, key, item)
		}
	}
	return list
}
