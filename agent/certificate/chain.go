// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"slices"
)

// Order makes a chain of what Vault sent: those certificates of the pool that
// are above the leaf, each once, from the leaf's issuer to the roots. The pool's
// order does not matter, and the leaf may be in it. What has nothing to do with
// the leaf is left out.
//
// Where a CA is cross-signed, more than one certificate is as near to the leaf.
// All are kept: which of them a client can use, only the client knows.
func Order(leaf *x509.Certificate, pool []*x509.Certificate) []*x509.Certificate {
	seen := map[string]bool{string(leaf.Raw): true}
	var chain []*x509.Certificate
	for level := []*x509.Certificate{leaf}; len(level) > 0; {
		var above []*x509.Certificate
		for _, child := range level {
			for _, c := range pool {
				if !seen[string(c.Raw)] && Signed(c, child) {
					seen[string(c.Raw)] = true
					above = append(above, c)
				}
			}
		}
		slices.SortFunc(above, preferred)
		chain = append(chain, above...)
		level = above
	}
	slices.SortStableFunc(chain, func(a, b *x509.Certificate) int { return cmp.Compare(rank(a), rank(b)) })
	return chain
}

// rank puts roots behind all others, wherever cross-signing has put them.
func rank(c *x509.Certificate) int {
	if selfSigned(c) {
		return 1
	}
	return 0
}

// preferred orders certificates that are as near to the leaf as each other: the
// one that lives longest first. The rest is for the order to be always the same.
func preferred(a, b *x509.Certificate) int {
	return cmp.Or(cmp.Compare(rank(a), rank(b)), b.NotAfter.Compare(a.NotAfter), bytes.Compare(a.Raw, b.Raw))
}

// Signed says whether a CA signed a certificate. What Go refuses to check for
// being weak, or cannot check, gets the benefit of the doubt.
func Signed(ca, child *x509.Certificate) bool {
	if !bytes.Equal(ca.RawSubject, child.RawIssuer) {
		return false
	}
	err := child.CheckSignatureFrom(ca)
	var weak x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &weak) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// selfSigned says whether a certificate is a root, by its own account.
func selfSigned(c *x509.Certificate) bool {
	return bytes.Equal(c.RawSubject, c.RawIssuer) && Signed(c, c)
}

// intermediates are the certificates of the chain that a server sends: all but
// the roots.
func intermediates(chain []*x509.Certificate) []*x509.Certificate {
	return slices.DeleteFunc(slices.Clone(chain), selfSigned)
}
