// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"errors"
	"strings"
	"time"

	"github.com/certagent/certagent/certinfo"
	"github.com/certagent/certagent/certspec"
)

// ReadAnswer reads the data of Vault's answer to the request, and checks that it is
// what was specified and may be published now. Its errors are of type *AnswerError.
func ReadAnswer(s certspec.Spec, r Request, data map[string]any, now time.Time) (Pair, error) {
	p, err := Parse(data)
	if err != nil {
		return Pair{}, err
	}
	if r.Key.signer != nil {
		p.Key = r.Key
	}
	if err := checkPair(s, p, now); err != nil {
		return Pair{}, err
	}
	return p, nil
}

func checkPair(s certspec.Spec, p Pair, now time.Time) error {
	switch {
	case p.Key.signer == nil:
		return malformed("private_key", errNoKey)
	case !same(p.Key.Public(), p.Leaf.PublicKey):
		return refused(WrongKey, "the certificate %s is for another key", certinfo.Serial(p.Leaf))
	case len(p.Chain) == 0:
		return refused(Unchained, "no CA in it signed the certificate %s, whose issuer is %q", certinfo.Serial(p.Leaf), p.Leaf.Issuer)
	}
	if err := checkKey(s.Key, p.Leaf.PublicKey); err != nil {
		return refused(WrongKeyType, "%w", err)
	}
	if err := checkNames(s, p.Leaf); err != nil {
		return refused(WrongNames, "%w", err)
	}
	return validNow(p.Leaf, now)
}

// checkNames returns an error if a certificate lacks specified names. Additional
// names are no error: removing a name changes the identity.
func checkNames(s certspec.Spec, c *x509.Certificate) error {
	if missing := s.Names().Without(namesOf(c)); len(missing) > 0 {
		return errors.New("the certificate " + certinfo.Serial(c) + " is not for " + strings.Join(missing, ", "))
	}
	if s.CommonName != "" && !strings.EqualFold(s.CommonName, c.Subject.CommonName) {
		return errors.New("the certificate " + certinfo.Serial(c) + " does not have the common name " + s.CommonName)
	}
	return nil
}

func validNow(c *x509.Certificate, now time.Time) error {
	switch {
	case !c.NotAfter.After(c.NotBefore):
		return refused(NotValid, "the certificate %s ends before it begins", certinfo.Serial(c))
	case !now.Before(c.NotAfter):
		return refused(NotValid, "the certificate %s expired at %s", certinfo.Serial(c), c.NotAfter.UTC().Format(time.RFC3339))
	case c.NotBefore.After(now.Add(certinfo.Tolerance)):
		return refused(NotValid, "the certificate %s is not valid before %s", certinfo.Serial(c), c.NotBefore.UTC().Format(time.RFC3339))
	}
	return nil
}
