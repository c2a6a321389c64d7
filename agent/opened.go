// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"crypto"
	"crypto/x509"
	"fmt"
	"slices"

	"github.com/certagent/certagent/agent/certificate"
	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/redact"
)

// openedFile is one of a certificate's files, with what it holds.
type openedFile struct {
	output
	pair certificate.Pair
}

// open reads the certificate's files as what they are to be, and says which are
// not. Keystores whose password is not at hand stay closed.
func (m *certificateMember) open(files []inspect.File) (opened []openedFile, wrong []string) {
	var password redact.Secret
	known := false
	if m.password.path == "" { // what cannot be read is not at hand, either
		password, known, _ = m.password.read(newSource(context.Background(), nil))
	}
	for _, o := range m.outputs {
		at := slices.IndexFunc(files, func(f inspect.File) bool { return f.Path == o.file.Path })
		if at < 0 || o.HasPassword() && !known {
			continue
		}
		o.Password = password
		pair, _, err := o.Decode(files[at].Content)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", o.file.Path, err))
			continue
		}
		opened = append(opened, openedFile{o, pair})
	}
	return opened, wrong
}

// differing says which of a certificate's files hold another certificate than the
// first, or a key that does not fit that.
func differing(opened []openedFile) (wrong []string) {
	var leaf *x509.Certificate
	var first string
	for _, o := range opened {
		if leaf == nil && o.pair.Leaf != nil {
			leaf, first = o.pair.Leaf, o.file.Path
		}
	}
	if leaf == nil {
		return nil
	}
	for _, o := range opened {
		if o.pair.Leaf != nil && !o.pair.Leaf.Equal(leaf) {
			wrong = append(wrong, fmt.Sprintf("%s: it holds another certificate than %s", o.file.Path, first))
		}
		key, ok := o.pair.Key.Public().(interface{ Equal(crypto.PublicKey) bool })
		if ok && !key.Equal(leaf.PublicKey) {
			wrong = append(wrong, fmt.Sprintf("%s: the private key does not fit the certificate in %s", o.file.Path, first))
		}
	}
	return wrong
}

// keystores makes files of what is in keystores, as inspect can read it.
func keystores(opened []openedFile) (files []inspect.File) {
	for _, o := range opened {
		if !o.HasPassword() || !o.HoldsKey() {
			continue
		}
		content, err := certificate.Output{Kind: certificate.Combined}.Encode(o.pair, nil)
		if err == nil { // or there is a part of a pair only, which is for differing to judge
			files = append(files, inspect.File{Path: o.file.Path, Content: content})
		}
	}
	return files
}
