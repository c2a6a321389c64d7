// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/x509"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/vaultreq"
)

// issuerRequest returns the request for the certificates of the mount's default
// issuer and of the CAs above it. It needs no permission.
func (m *certificateMember) issuerRequest() vaultreq.Request {
	return vaultreq.Request{Kind: vaultreq.Read, Path: path.Join(path.Dir(m.spec.Role), "cert/ca_chain")}
}

// watchIssuers subscribes to the certificates' issuers. Nothing waits for the
// answers.
func (b *Bundle) watchIssuers() {
	var requests []vaultreq.Request
	for _, m := range b.certificates {
		requests = append(requests, m.issuerRequest())
	}
	b.issuers.Want(unique(requests))
}

// observeIssuers passes new answers about the issuers to the certificates.
func (b *Bundle) observeIssuers(now time.Time) {
	for i, m := range b.certificates {
		answer, _ := b.issuers.Get(m.issuerRequest())
		if answer == nil || !b.state.Certificates[i].Loaded || answer.Version == m.issuerVersion {
			continue
		}
		m.issuerVersion = answer.Version
		text, _ := answer.Secret.Data["certificate"].(string)
		chain, err := certificate.ParseCertificates([]byte(strings.TrimSpace(text)))
		if err == nil && len(chain) > 0 && m.setDefaultIssuer(chain[0]) {
			b.announce(i, chain, now)
		}
	}
}

// announce publishes the CAs of a new issuer before its first leaf, so that clients
// trust the new CA before it signs.
func (b *Bundle) announce(index int, chain []*x509.Certificate, now time.Time) {
	m := b.certificates[index]
	ends := m.pair.Leaf.NotAfter
	m.trust = m.trust.Announce(chain, ends)
	b.apply(plan.IssuerChanged{Index: index, Failure: plan.Failure{Now: now, Random: rand.Float64()}, Left: ends.Sub(now)})
	b.log.Info(logmsg.IssuerChanged, logkey.Certificate, m.name,
		logkey.Retry, b.state.Certificates[index].NotBefore.Sub(now).Round(time.Millisecond))
}
