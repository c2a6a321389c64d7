// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"errors"
	"testing"
)

func TestAssemble(t *testing.T) {
	p := shared()
	pair, other := p.pairs["ec 256"], p.pairs["rsa 2048"]
	leaf, key := Decoded{Pair: Pair{Leaf: pair.Leaf}}, Decoded{Pair: Pair{Key: pair.Key}}
	both := Decoded{Pair: Pair{Leaf: other.Leaf, Key: other.Key, Chain: other.Chain}}
	cas := Decoded{Trust: p.trust()}
	damaged := both
	damaged.Err = errors.New("damaged")
	for _, c := range []struct {
		name  string
		files []Decoded
		leaf  bool // that of pair
		key   bool // that of pair
		chain int
		trust int
	}{
		{"nothing", nil, false, false, 0, 0},
		{"the leaf alone", []Decoded{leaf}, true, false, 0, 0},
		{"the key alone", []Decoded{key}, false, true, 0, 0},
		{"the CAs alone", []Decoded{cas}, false, false, 0, len(p.trust())},
		{"all in files of their own", []Decoded{key, cas, leaf}, true, true, 2, len(p.trust())},
		{"the first of each counts", []Decoded{leaf, key, both, cas, {Trust: p.trust()[:1]}}, true, true, 2, len(p.trust())},
		{"a damaged file counts as missing", []Decoded{damaged, leaf, key}, true, true, 0, 0},
		{"the chain in the leaf's file", []Decoded{{Pair: Pair{Leaf: pair.Leaf, Chain: pair.Chain}}, key}, true, true, len(pair.Chain), 0},
	} {
		got, trust := Assemble(c.files)
		if (got.Leaf == pair.Leaf) != c.leaf || !c.leaf && got.Leaf != nil {
			t.Errorf("%s: leaf %v", c.name, got.Leaf != nil)
		}
		if (got.Key == pair.Key) != c.key || !c.key && got.Key.Signer() != nil {
			t.Errorf("%s: key %v", c.name, got.Key.Signer() != nil)
		}
		if len(got.Chain) != c.chain || len(trust) != c.trust {
			t.Errorf("%s: %d in the chain, %d in the trust bundle, want %d and %d", c.name, len(got.Chain), len(trust), c.chain, c.trust)
		}
	}
}
