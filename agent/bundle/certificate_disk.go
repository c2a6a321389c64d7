// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"context"
	"crypto/x509"
	"os"
	"time"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/logmsg"
	"github.com/certagent/certagent/redact"
)

// look takes up the pair that is on disk, whoever put it there: from plain PEM
// files, or from keystores if there are no others. It returns false as long as
// the password that this takes is not known.
func (m *certificateMember) look(password redact.Secret, known bool, left issuedPayload, now time.Time) bool {
	pair, trust := m.onDisk(func(o output) bool { return !o.HasPassword() }, "")
	if pair.Leaf == nil || pair.Key.Signer() == nil {
		if m.needsPassword() && !known {
			return false
		}
		pair, trust = m.onDisk(func(output) bool { return true }, password)
	}
	m.takeUp(pair, trust, left, now)
	m.looked = true
	return true
}

// onDisk reads what the chosen outputs hold. What cannot be read is missing from
// the pair, which is then not kept.
func (m *certificateMember) onDisk(chosen func(output) bool, password redact.Secret) (certificate.Pair, certificate.Trust) {
	var pair certificate.Pair
	var trust certificate.Trust
	var pool []*x509.Certificate
	for _, o := range m.outputs {
		if !chosen(o) {
			continue
		}
		content, err := os.ReadFile(o.file.Path)
		if err != nil {
			continue
		}
		if o.HasPassword() {
			o.Password = password
		}
		found, bundle, err := o.Decode(content)
		if err != nil {
			continue
		}
		if pair.Leaf == nil {
			pair.Leaf = found.Leaf
		}
		if pair.Key.Signer() == nil {
			pair.Key = found.Key
		}
		pool = append(pool, found.Chain...)
		pool = append(pool, bundle.Certificates()...)
		if len(trust) == 0 {
			trust = bundle
		}
	}
	if pair.Leaf != nil {
		pair.Chain = certificate.Order(pair.Leaf, pool)
	}
	return pair, trust
}

// lookAtDisk takes up the certificates on disk, as far as that is possible
// without an answer from Vault.
func (b *Bundle) lookAtDisk(now time.Time) {
	for _, m := range b.certificates {
		if m.looked {
			continue
		}
		source := newSource(context.Background(), func(r secrets.Request) (*secrets.Answer, bool) {
			answer, _ := b.secrets.Get(r)
			return answer, answer != nil
		})
		password, known, err := m.password.read(source)
		if !m.look(password, known && err == nil, b.seen.memo.Certificates[m.name], now) {
			if err != nil && !m.blind {
				b.log.Error(logmsg.PasswordMissing, logkey.Certificate, m.name, logkey.Error, err)
			}
			m.blind = err != nil
			continue
		}
		if m.publishable() && !m.renewal(b.env.Host, now).Due(now) {
			b.log.Info(logmsg.CertificateKept, logkey.Certificate, m.name,
				logkey.Serial, certificate.Serial(m.pair.Leaf), logkey.Renews, m.renewal(b.env.Host, now).At, expires(m.pair.Leaf.NotAfter))
		}
	}
}

// leavesHeld are the leaves of the certificates that there are.
func (b *Bundle) leavesHeld() (leaves []*x509.Certificate) {
	for _, m := range b.certificates {
		if m.pair.Leaf != nil {
			leaves = append(leaves, m.pair.Leaf)
		}
	}
	return leaves
}

// leavesOnDisk are the certificates' leaves as far as files without a password
// hold them.
func (b *Bundle) leavesOnDisk() (leaves []*x509.Certificate) {
	for _, m := range b.certificates {
		pair, _ := m.onDisk(func(o output) bool { return !o.HasPassword() }, "")
		if pair.Leaf == nil {
			pair.Leaf = m.pair.Leaf
		}
		if pair.Leaf != nil {
			leaves = append(leaves, pair.Leaf)
		}
	}
	return leaves
}
