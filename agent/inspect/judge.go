// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// pair finds the certificates that each key fits, and fails if a key without a
// certificate and a certificate without a key are both there: in one file, or in
// the bundle as a whole. Either alone is none of our business: a key that signs
// tokens, or a peer's certificate that is trusted.
func (b *bundle) pair() {
	for _, k := range b.keyOrder {
		for _, c := range b.order {
			if k.public != nil && k.public.Equal(c.PublicKey) {
				k.fits = true
				c.keys = append(c.keys, k)
			}
		}
	}
	failed := false
	for _, path := range b.keyPaths {
		inFile := func(paths []string) bool { return slices.Contains(paths, path) }
		failed = b.mismatch(inFile) || failed
	}
	if !failed {
		b.mismatch(func([]string) bool { return true })
	}
}

// mismatch fails if there are both a key and a leaf without their counterpart
// among the files that are within.
func (b *bundle) mismatch(within func(paths []string) bool) bool {
	isKeyWithin := func(k *key) bool { return within(k.paths) }
	var lonely []string
	alone := map[*key]bool{}
	for _, k := range b.keyOrder {
		alone[k] = k.public != nil && within(k.paths)
	}
	for _, c := range b.order {
		if !within(c.paths) {
			continue
		}
		for _, k := range c.keys {
			alone[k] = false
		}
		if !c.isCA() && !slices.ContainsFunc(c.keys, isKeyWithin) {
			lonely = append(lonely, c.String())
		}
	}
	failed := false
	for _, k := range b.keyOrder {
		if alone[k] && len(lonely) > 0 {
			b.fail(fmt.Errorf("the private key in %s does not fit the %s", strings.Join(k.paths, " and "), strings.Join(lonely, " nor the ")))
			failed = true
		}
	}
	return failed
}

// leaves returns the certificates that fit a key or, if none does, the first of
// each file that is not a CA's.
func (b *bundle) leaves() []*certificate {
	var fitting, first []*certificate
	seen := map[string]bool{}
	for _, c := range b.order {
		if len(c.keys) > 0 {
			fitting = append(fitting, c)
		}
		if c.isCA() {
			continue
		}
		isFirst := false
		for _, path := range c.paths {
			isFirst = isFirst || !seen[path]
			seen[path] = true
		}
		if isFirst {
			first = append(first, c)
		}
	}
	if len(fitting) > 0 {
		return fitting
	}
	return first
}

// window returns an error unless a certificate is valid now or within the
// tolerance.
func (c *certificate) window(now time.Time) error {
	switch {
	case c.NotAfter.Before(c.NotBefore):
		return fmt.Errorf("the %s ends before it begins", c)
	case now.After(c.NotAfter):
		return fmt.Errorf("the %s expired at %s", c, c.NotAfter.UTC().Format(time.RFC3339))
	case c.NotBefore.After(now.Add(Tolerance)):
		return fmt.Errorf("the %s is not valid before %s", c, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// chain returns an error if the bundle holds certificates of CAs and none of
// them issued the leaf. They may be in any order, and it does not matter whether
// the issuer's own issuer is there.
func (b *bundle) chain(leaf *certificate) error {
	if leaf.selfIssued() {
		return nil
	}
	var others, candidates []string
	for _, ca := range b.order {
		if ca == leaf || !ca.isCA() {
			continue
		}
		others = append(others, ca.String())
		if string(ca.RawSubject) != string(leaf.RawIssuer) {
			continue
		}
		if issued(ca, leaf) {
			return nil
		}
		candidates = append(candidates, ca.String())
	}
	switch {
	case len(candidates) > 0:
		return fmt.Errorf("the %s was not signed by the %s, which has its issuer's name", leaf, strings.Join(candidates, " nor by the "))
	case len(others) > 0:
		return fmt.Errorf("the %s was issued by %q, not by the %s", leaf, leaf.Issuer, strings.Join(others, " nor by the "))
	}
	return nil
}

// issued says whether a CA signed a certificate. What Go refuses to check for
// being weak, or cannot check, gets the benefit of the doubt.
func issued(ca, leaf *certificate) bool {
	err := leaf.CheckSignatureFrom(ca.Certificate)
	var weak x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &weak) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// String names a certificate in messages: serial number, subject and files.
func (c *certificate) String() string {
	name := c.Subject.String()
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	return fmt.Sprintf("certificate %s of %q in %s", serial(c.Certificate), name, strings.Join(c.paths, " and "))
}

// serial returns a serial number as Vault writes it: pairs of hexadecimal digits
// with colons between.
func serial(c *x509.Certificate) string {
	var pairs []string
	for _, octet := range c.SerialNumber.Bytes() {
		pairs = append(pairs, fmt.Sprintf("%02x", octet))
	}
	return strings.Join(pairs, ":")
}
