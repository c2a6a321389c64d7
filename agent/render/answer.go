// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/vault/api"
)

// keys returns the keys in the answer to a LIST, sorted. An empty list is no error.
func keys(s *api.Secret) ([]string, error) {
	if s == nil || s.Data["keys"] == nil {
		return nil, nil
	}
	list, ok := s.Data["keys"].([]any)
	if !ok {
		return nil, fmt.Errorf("keys is a %T, not a list", s.Data["keys"])
	}
	var names []string
	for _, item := range list {
		name, ok := item.(string)
		if !ok {
			return nil, fmt.Errorf("keys holds a %T, not only texts", item)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

// certificate returns the PEM blocks in the answer of an issuing path, in
// consul-template's type, each ending with a line feed. With format=pem_bundle the field
// "certificate" contains the key and the chain as well.
//
// consul-template parses the certificates to sort the blocks; this function sorts them by
// field, which is cheaper and keeps the order of the chain.
func certificate(s *api.Secret) (dependency.PemEncoded, error) {
	var p dependency.PemEncoded
	if s == nil {
		return p, errors.New("it is empty")
	}
	for _, block := range blocks(s.Data["certificate"]) {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			p.Key = string(pem.EncodeToMemory(block))
		case p.Cert == "":
			p.Cert = string(pem.EncodeToMemory(block))
		default:
			addCA(&p, block)
		}
	}
	for _, block := range blocks(s.Data["private_key"]) {
		p.Key = string(pem.EncodeToMemory(block))
	}
	if chain, ok := s.Data["ca_chain"].([]any); ok {
		for _, item := range chain {
			for _, block := range blocks(item) {
				addCA(&p, block)
			}
		}
	}
	issuing := blocks(s.Data["issuing_ca"])
	for _, block := range issuing {
		addCA(&p, block)
	}
	switch {
	case p.Cert == "":
		return p, errors.New(`it contains no PEM certificate in "certificate"`)
	case len(issuing) > 0:
		p.CA = string(pem.EncodeToMemory(issuing[0]))
	case len(p.CAChain) > 0:
		p.CA = p.CAChain[0]
	}
	return p, nil
}

// addCA appends a certificate to the chain, unless the chain contains it.
func addCA(p *dependency.PemEncoded, block *pem.Block) {
	if ca := string(pem.EncodeToMemory(block)); !slices.Contains(p.CAChain, ca) {
		p.CAChain = append(p.CAChain, ca)
	}
}

// blocks returns the PEM blocks in a field; none if it is not a string.
func blocks(field any) []*pem.Block {
	text, _ := field.(string)
	var list []*pem.Block
	for rest := []byte(text); ; {
		block, after := pem.Decode(rest)
		if block == nil {
			return list
		}
		list, rest = append(list, block), after
	}
}
