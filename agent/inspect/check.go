// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/certinfo"
)

// pair finds the certificates that match each key. It fails if there is both a key
// without a certificate and a certificate without a key, in one file or in the bundle
// as a whole. One of them alone is no error: it may be a key that signs tokens, or the
// trusted certificate of a peer.
func (b *bundle) pair() {
	for _, k := range b.keyOrder {
		for _, c := range b.order {
			if k.public != nil && k.public.Equal(c.PublicKey) {
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

// mismatch fails, and returns true, if there are both a key and a leaf without a
// counterpart among the files for which within is true.
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
			b.fail(fmt.Errorf("the private key in %s does not match the %s", strings.Join(k.paths, " and "), some(lonely, " nor the ")))
			failed = true
		}
	}
	return failed
}

// leaves returns the certificates that match a key or, if none does, the first of each
// file that is not a CA's.
func (b *bundle) leaves() []*certificate {
	var matching, first []*certificate
	seen := map[string]bool{}
	for _, c := range b.order {
		if len(c.keys) > 0 {
			matching = append(matching, c)
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
	if len(matching) > 0 {
		return matching
	}
	return first
}

// window returns an error unless a certificate is valid now, or will be within the
// tolerance.
func (c *certificate) window(now time.Time) error {
	switch {
	case c.NotAfter.Before(c.NotBefore):
		return fmt.Errorf("the %s ends before it begins", c)
	case now.After(c.NotAfter):
		return fmt.Errorf("the %s expired at %s", c, c.NotAfter.UTC().Format(time.RFC3339))
	case c.NotBefore.After(now.Add(certinfo.Tolerance)):
		return fmt.Errorf("the %s is not valid before %s", c, c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}

// chain returns an error if the bundle contains certificates of CAs and none of them
// issued the leaf. They may be in any order, and the issuer's own issuer need not be
// there.
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
		if b.checks++; b.checks > mostChecks {
			return fmt.Errorf("it takes more than %d checks of signatures to find the issuers", mostChecks)
		}
		if certinfo.Signed(ca.Certificate, leaf.Certificate) {
			return nil
		}
		candidates = append(candidates, ca.String())
	}
	switch {
	case len(candidates) > 0:
		return fmt.Errorf("the %s was not signed by the %s, which has the name of its issuer", leaf, some(candidates, " nor by the "))
	case len(others) > 0:
		return fmt.Errorf("the %s was issued by %q, not by the %s", leaf, leaf.Issuer, some(others, " nor by the "))
	}
	return nil
}

// some joins the first texts of a list.
func some(list []string, separator string) string {
	const most = 5
	if n := len(list) - most; n > 0 {
		list = append(list[:most:most], fmt.Sprintf("%d others", n))
	}
	return strings.Join(list, separator)
}

// String describes a certificate in messages: serial number, subject and files.
func (c *certificate) String() string {
	name := c.Subject.String()
	if name == "" && len(c.DNSNames) > 0 {
		name = c.DNSNames[0]
	}
	return fmt.Sprintf("certificate %s of %q in %s", certinfo.Serial(c.Certificate), name, strings.Join(c.paths, " and "))
}
