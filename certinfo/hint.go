// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certinfo

import (
	"regexp"
	"strings"
)

// reasons are what to do about Vault's reasons for not issuing a certificate. $1 is the
// first group of the reason; ROLE and MOUNT are those of the certificate. The reasons are
// those of builtin/logical/pki in Vault 1.21.
var reasons = []struct {
	expression string // compiled when it is needed, which is never in most runs
	hint       string
}{
	{`(?:common name|subject alternate name|email address) (\S+) not allowed by this role`,
		"the role's allowed_domains, allow_subdomains or allow_bare_domains do not cover $1: vault read MOUNT/roles/ROLE"},
	{`unknown role:? (\S+)`,
		"there is no role $1 at MOUNT: vault list MOUNT/roles shows the roles; role is \"MOUNT/ROLE\""},
	{`IP Subject Alternative Names are not allowed`,
		"set allow_ip_sans=true on the role (vault read MOUNT/roles/ROLE), or remove ip_sans"},
	{`URI Subject Alternative Names (?:are not allowed|were provided .* not valid)`,
		"the role's allowed_uri_sans do not cover uri_sans: see vault read MOUNT/roles/ROLE"},
	{`other SAN .*not allowed`,
		"the role's allowed_other_sans do not cover other_sans: see vault read MOUNT/roles/ROLE"},
	{`beyond the expiration of the CA certificate`,
		"the CA ends before the certificate would: renew the CA, write a shorter ttl, or set leaf_not_after_behavior=truncate on the issuer"},
	{`no default issuer currently configured`,
		"MOUNT has no CA that it signs with: make or import one, or choose one with vault write MOUNT/config/issuers default=NAME"},
	{`unable to find PKI issuer for reference: (\S+)`,
		"the role names the issuer $1, which MOUNT does not have: see issuer_ref with vault read MOUNT/roles/ROLE"},
	{`unable to fetch corresponding key for issuer|could not fetch the CA certificate|error fetching CA certificate`,
		"the issuer of the role cannot sign: see issuer_ref with vault read MOUNT/roles/ROLE, and vault list MOUNT/issuers"},
	{`the common_name field is required`,
		"write common_name, or set require_cn=false on the role"},
	{`Either ttl or not_after should be provided`,
		"the role sets not_after (vault read MOUNT/roles/ROLE): remove ttl"},
	{`role key type "any" not allowed for issuing`,
		"Vault makes no key for a role with key_type=any: remove key = \"vault\", so that the key is made on this host"},
	{`no handler for route`,
		"there is no PKI secrets engine at MOUNT: vault secrets list shows the mounts; role is \"MOUNT/ROLE\""},
}

// ReasonHint returns what to do about Vault's reason for not issuing a certificate by a
// role of a mount; "" if that is not known.
func ReasonHint(mount, role, reason string) string {
	names := strings.NewReplacer("MOUNT", mount, "ROLE", role)
	for _, r := range reasons {
		m := regexp.MustCompile(r.expression).FindStringSubmatch(reason)
		if m == nil {
			continue
		}
		hint := names.Replace(r.hint)
		if len(m) > 1 {
			hint = strings.ReplaceAll(hint, "$1", m[1])
		}
		return hint
	}
	return ""
}
