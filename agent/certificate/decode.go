// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
)

// Decoded is the content of one of a certificate's files.
type Decoded struct {
	Pair  Pair  // as much of it as this kind of file contains
	Trust Trust // without dates
	Err   error // why the content is not that of its kind
}

// decodeTimeout limits how long Decode reads a keystore: what is encrypted in it can ask
// for any amount of work.
const decodeTimeout = 10 * time.Second

// Decode reads the content of a file. It does not check what it reads. It takes a bounded
// time, whoever made the content.
func (o Output) Decode(content redact.Bytes) Decoded { return o.decodeWithin(decodeTimeout, content) }

func (o Output) decodeWithin(timeout time.Duration, content redact.Bytes) Decoded {
	o.Output = o.WithDefaults()
	if !o.Kind.HasPassword() {
		return o.decoded(content)
	}
	done := make(chan Decoded, 1)
	go func() { done <- o.decoded(content) }() // ends on its own if it takes too long
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case d := <-done:
		return d
	case <-timer.C:
		return Decoded{Err: fmt.Errorf("reading the file %s: it takes longer than %v", o.Kind, timeout)}
	}
}

func (o Output) decoded(content redact.Bytes) Decoded {
	p, trust, err := o.decode(content)
	if err != nil {
		return Decoded{Err: fmt.Errorf("reading the file %s: %w", o.Kind, err)}
	}
	return Decoded{Pair: p, Trust: trust}
}

// Assemble returns the pair and the trust bundle that files contain together: the first
// leaf, key and trust bundle, and the chain of the leaf from the CAs of all files. A
// damaged file counts as missing.
func Assemble(files []Decoded) (pair Pair, trust Trust) {
	var pool []*x509.Certificate
	for _, f := range files {
		if f.Err != nil {
			continue
		}
		if pair.Leaf == nil {
			pair.Leaf = f.Pair.Leaf
		}
		if pair.Key.signer == nil {
			pair.Key = f.Pair.Key
		}
		if len(trust) == 0 {
			trust = f.Trust
		}
		pool = append(pool, f.Pair.Chain...)
		pool = append(pool, f.Trust.Certificates()...)
	}
	if pair.Leaf != nil {
		pair.Chain = Order(pair.Leaf, pool)
	}
	return pair, trust
}

func (o Output) decode(content redact.Bytes) (p Pair, trust Trust, err error) {
	switch o.Kind {
	case certspec.Cert, certspec.FullChain:
		p, err = decodeLeaf(content)
	case certspec.Combined:
		if p, err = decodeLeaf(content); err == nil {
			p.Key, err = ParseKey(content)
		}
	case certspec.Key:
		p.Key, err = ParseKey(content)
	case certspec.PKCS12:
		p, err = o.decodePKCS12(content)
	case certspec.JKS:
		p, err = o.decodeJKS(content)
	case certspec.Chain:
		p.Chain, err = ParseCertificates(content)
	case certspec.CA, certspec.Truststore:
		parse := ParseCertificates
		if o.Kind == certspec.Truststore {
			parse = o.decodeTruststore
		}
		list, err := parse(content)
		for _, c := range list {
			trust = append(trust, Trusted{Certificate: c})
		}
		return p, trust, err
	default:
		err = errors.New("unknown kind of file")
	}
	return p, trust, err
}

func decodeLeaf(content []byte) (Pair, error) {
	list, err := ParseCertificates(content)
	if err == nil && len(list) == 0 {
		err = errors.New("it contains no certificate")
	}
	if err != nil {
		return Pair{}, err
	}
	return Pair{Leaf: list[0], Chain: Order(list[0], list)}, nil
}

func asSigner(key any) (PrivateKey, error) {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return PrivateKey{}, errors.New("the private key cannot sign")
	}
	return PrivateKey{signer}, nil
}
