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
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
)

// issuerRequest asks which certificates the mount's default issuer and the CAs
// above it have. Whoever can reach Vault may ask that.
func (m *certificateMember) issuerRequest() secrets.Request {
	return secrets.Request{Kind: secrets.Read, Path: path.Join(path.Dir(m.spec.Role), "cert/ca_chain")}
}

// watchIssuers begins to watch the certificates' issuers. Nothing waits for the
// answers.
func (b *Bundle) watchIssuers() {
	var requests []secrets.Request
	for _, m := range b.certificates {
		requests = append(requests, m.issuerRequest())
	}
	b.issuers.Want(unique(requests))
}

// observeIssuers takes up what is known of the issuers.
func (b *Bundle) observeIssuers(now time.Time) {
	for _, m := range b.certificates {
		answer, _ := b.issuers.Get(m.issuerRequest())
		if answer == nil || !m.looked || answer.Version == m.issuerVersion {
			continue
		}
		m.issuerVersion = answer.Version
		text, _ := answer.Secret.Data["certificate"].(string)
		chain, err := certificate.ParseCertificates([]byte(strings.TrimSpace(text)))
		if err == nil && len(chain) > 0 && m.learn(chain[0]) {
			b.announce(m, chain, now)
		}
	}
}

// announceLead is for how long, at most, a new issuer's CAs are published before
// the first leaf of theirs is asked for. The random part of it keeps a fleet from
// asking all at once.
const announceLead = time.Minute

// announce publishes the CAs of a new issuer ahead of the first leaf of theirs, so
// that who reads the trust bundle knows them in time.
func (b *Bundle) announce(m *certificateMember, chain []*x509.Certificate, now time.Time) {
	left := m.pair.Leaf.NotAfter.Sub(now)
	lead := min(announceLead, left/10)
	lead = lead/2 + time.Duration(rand.Float64()*float64(lead/2))
	m.trust = m.trust.Announce(chain, m.pair.Leaf.NotAfter)
	m.attempts.notBefore = now.Add(lead)
	b.log.Info(logmsg.IssuerChanged, logkey.Certificate, m.name, logkey.Retry, lead.Round(time.Millisecond))
	b.noteChange(now)
}
