// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package pki

import (
	"crypto/x509"
	"encoding/asn1"
	"strconv"
	"strings"

	"github.com/certagent/certagent/dev/internal/backend"
)

var keyUsages = map[string]x509.KeyUsage{
	"digitalsignature": x509.KeyUsageDigitalSignature, "contentcommitment": x509.KeyUsageContentCommitment,
	"keyencipherment": x509.KeyUsageKeyEncipherment, "dataencipherment": x509.KeyUsageDataEncipherment,
	"keyagreement": x509.KeyUsageKeyAgreement, "certsign": x509.KeyUsageCertSign, "crlsign": x509.KeyUsageCRLSign,
	"encipheronly": x509.KeyUsageEncipherOnly, "decipheronly": x509.KeyUsageDecipherOnly,
}

var extKeyUsages = map[string]x509.ExtKeyUsage{
	"any": x509.ExtKeyUsageAny, "serverauth": x509.ExtKeyUsageServerAuth, "clientauth": x509.ExtKeyUsageClientAuth,
	"codesigning": x509.ExtKeyUsageCodeSigning, "emailprotection": x509.ExtKeyUsageEmailProtection,
	"ipsecendsystem": x509.ExtKeyUsageIPSECEndSystem, "ipsectunnel": x509.ExtKeyUsageIPSECTunnel,
	"ipsecuser": x509.ExtKeyUsageIPSECUser, "timestamping": x509.ExtKeyUsageTimeStamping,
	"ocspsigning": x509.ExtKeyUsageOCSPSigning,
}

// keyUsage returns the key usages of the role. It ignores unknown ones, as Vault
// does.
func (ro *role) keyUsage() (usage x509.KeyUsage) {
	for _, word := range ro.KeyUsage {
		usage |= keyUsages[strings.TrimPrefix(strings.ToLower(word), "keyusage")]
	}
	return usage
}

// extKeyUsage returns the extended key usages: those of the flags, then the others.
func (ro *role) extKeyUsage() (list []x509.ExtKeyUsage) {
	flags := []struct {
		set   bool
		usage x509.ExtKeyUsage
	}{
		{ro.ServerFlag, x509.ExtKeyUsageServerAuth}, {ro.ClientFlag, x509.ExtKeyUsageClientAuth},
		{ro.CodeSigningFlag, x509.ExtKeyUsageCodeSigning}, {ro.EmailProtectionFlag, x509.ExtKeyUsageEmailProtection},
	}
	seen := make(map[x509.ExtKeyUsage]bool)
	add := func(usage x509.ExtKeyUsage) {
		if !seen[usage] {
			list, seen[usage] = append(list, usage), true
		}
	}
	for _, f := range flags {
		if f.set {
			add(f.usage)
		}
	}
	for _, word := range ro.ExtKeyUsage {
		if usage, ok := extKeyUsages[strings.TrimPrefix(strings.ToLower(word), "extkeyusage")]; ok {
			add(usage)
		}
	}
	return list
}

// parsePolicies parses the OIDs of certificate policies.
func parsePolicies(list []string) (oids []x509.OID, err error) {
	for _, text := range list {
		oid, err := x509.ParseOID(text)
		if err != nil {
			return nil, backend.BadRequest("%q could not be parsed as a valid oid", text)
		}
		oids = append(oids, oid)
	}
	return oids, nil
}

func parseOIDs(list []string) (oids []asn1.ObjectIdentifier, err error) {
	for _, text := range list {
		var oid asn1.ObjectIdentifier
		for part := range strings.SplitSeq(text, ".") {
			n, err := strconv.Atoi(part)
			if err != nil {
				return nil, backend.BadRequest("%q could not be parsed as a valid oid", text)
			}
			oid = append(oid, n)
		}
		oids = append(oids, oid)
	}
	return oids, nil
}
