// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"path"
	"strings"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/redact"
)

// issuerRequest asks which certificate the mount's default issuer has. Whoever
// can reach Vault may ask that.
func (m *certificateMember) issuerRequest() secrets.Request {
	return secrets.Request{Kind: secrets.Read, Path: path.Join(path.Dir(m.spec.Role), "cert/ca")}
}

// watchIssuers begins to watch the certificates' issuers. Nothing waits for the
// answers.
func (b *bundle) watchIssuers() {
	var requests []secrets.Request
	for _, m := range b.certificates {
		requests = append(requests, m.issuerRequest())
	}
	b.issuers.Want(unique(requests))
}

// observeIssuers takes up what is known of the issuers.
func (b *bundle) observeIssuers() {
	for _, m := range b.certificates {
		request := m.issuerRequest()
		answer, _ := b.issuers.Get(request)
		if answer == nil || !m.looked || answer.Version == b.noticed[request] {
			continue
		}
		b.noticed[request] = answer.Version
		text, _ := answer.Secret.Data["certificate"].(string)
		list, err := certificate.ParseCertificates(redact.Bytes(strings.TrimSpace(text)))
		if err == nil && len(list) > 0 {
			m.learn(list[0])
		}
	}
}
