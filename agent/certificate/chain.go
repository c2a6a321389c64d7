// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"slices"

	"github.com/certagent/certagent/certinfo"
)

// Order returns the chain of a leaf: those certificates of the pool that are above the
// leaf, each once, from the leaf's issuer to the roots. The order of the pool does not
// matter, and the leaf may be in it. Unrelated certificates are left out.
//
// If a CA is cross-signed, several certificates are at the same distance from the
// leaf. All are kept, because only the client knows which of them it can use.
func Order(leaf *x509.Certificate, pool []*x509.Certificate) []*x509.Certificate {
	seen, checks := map[string]bool{string(leaf.Raw): true}, 0
	ranks := ranks{}
	var chain []*x509.Certificate
	for level := []*x509.Certificate{leaf}; len(level) > 0; {
		var above []*x509.Certificate
		for _, child := range level {
			for _, c := range pool {
				if seen[string(c.Raw)] || !bytes.Equal(c.RawSubject, child.RawIssuer) {
					continue
				}
				if checks++; checks <= mostChecks && certinfo.Signed(c, child) {
					seen[string(c.Raw)] = true
					above = append(above, c)
				}
			}
		}
		slices.SortFunc(above, ranks.preferred)
		chain = append(chain, above...)
		level = above
	}
	slices.SortStableFunc(chain, func(a, b *x509.Certificate) int { return cmp.Compare(ranks.of(a), ranks.of(b)) })
	return chain
}

// mostChecks is how many signatures Order checks: others may have put the pool together.
const mostChecks = 1000

// ranks sort roots behind all others. They remember which certificates are roots.
type ranks map[*x509.Certificate]int

func (r ranks) of(c *x509.Certificate) int {
	rank, known := r[c]
	if !known {
		if selfSigned(c) {
			rank = 1
		}
		r[c] = rank
	}
	return rank
}

// preferred orders certificates at the same distance from the leaf: the one that
// expires last comes first. The last criterion makes the order deterministic.
func (r ranks) preferred(a, b *x509.Certificate) int {
	return cmp.Or(cmp.Compare(r.of(a), r.of(b)), b.NotAfter.Compare(a.NotAfter), bytes.Compare(a.Raw, b.Raw))
}

// selfSigned reports whether a certificate is self-signed.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && certinfo.Signed(c, c)
}

// intermediates returns the certificates of the chain that a server sends: all but
// the roots.
func intermediates(chain []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(chain), selfSigned)
}
