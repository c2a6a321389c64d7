// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/certinfo"
)

// family is authorities with all that happens to them: R1 and R2 have signed each
// other, B is signed by both, and A is below B.
type family struct {
	r1, r2                 *ca
	r1by2, r2by1           *x509.Certificate
	b, a                   *ca
	bby2                   *x509.Certificate
	stranger               *ca
	leaf                   *x509.Certificate
	underRoot, twin        *x509.Certificate
	longRoot, sameNameOnly *x509.Certificate
}

func newFamily() family {
	f := family{r1: newRoot("R1"), r2: newRoot("R2"), stranger: newRoot("Stranger")}
	f.r1by2, f.r2by1 = f.r1.cross(f.r2), f.r2.cross(f.r1)
	f.b = f.r1.under("B")
	f.bby2 = f.b.cross(f.r2)
	f.a = f.b.under("A")
	f.leaf = f.a.issue(newKey().Public())
	f.underRoot = f.r1.issue(newKey().Public())
	f.twin = f.r1.issue(newKey().Public())
	renewed := caTemplate("R1")
	renewed.NotAfter = renewed.NotAfter.Add(time.Hour)
	f.longRoot = sign(renewed, f.r1.key.Public(), nil, f.r1.key)
	f.sameNameOnly = newRoot("A").cert
	return f
}

func (f family) name(c *x509.Certificate) string {
	for name, known := range map[string]*x509.Certificate{
		"R1": f.r1.cert, "R2": f.r2.cert, "R1by2": f.r1by2, "R2by1": f.r2by1, "B": f.b.cert, "Bby2": f.bby2, "A": f.a.cert, "R1long": f.longRoot,
	} {
		if known.Equal(c) {
			return name
		}
	}
	return "?"
}

func TestOrder(t *testing.T) {
	f := newFamily()
	a, b, r1, r2 := f.a.cert, f.b.cert, f.r1.cert, f.r2.cert
	for _, tt := range []struct {
		name string
		leaf *x509.Certificate
		pool []*x509.Certificate
		want string
	}{
		{"in order", f.leaf, []*x509.Certificate{a, b, r1}, "A B R1"},
		{"reversed", f.leaf, []*x509.Certificate{r1, b, a, f.leaf}, "A B R1"},
		{"duplicates", f.leaf, []*x509.Certificate{a, a, b, f.leaf, r1, b, a}, "A B R1"},
		{"root missing", f.leaf, []*x509.Certificate{b, a}, "A B"},
		{"a link missing", f.leaf, []*x509.Certificate{a, r1}, "A"},
		{"issuer missing", f.leaf, []*x509.Certificate{b, r1}, ""},
		{"nothing", f.leaf, nil, ""},
		{"strangers", f.leaf, []*x509.Certificate{f.stranger.cert, a, f.twin, b, f.sameNameOnly, r1}, "A B R1"},
		{"below the root", f.underRoot, []*x509.Certificate{r1}, "R1"},
		{"cross-signed", f.leaf, []*x509.Certificate{r2, f.bby2, a, r1, b}, "A B|Bby2 R1|R2"},
		{"cross-signed, one root", f.leaf, []*x509.Certificate{f.bby2, b, a, r2}, "A B|Bby2 R2"},
		{"cross-signed root", f.leaf, []*x509.Certificate{r2, f.r1by2, r1, b, a}, "A B R1by2 R1|R2"},
		{"roots that signed each other", f.leaf, []*x509.Certificate{f.r2by1, r2, f.r1by2, r1, b, a}, "A B R1by2 R2by1 R1|R2"},
		{"a circle without roots", f.underRoot, []*x509.Certificate{f.r2by1, f.r1by2}, "R1by2 R2by1"},
		{"a root that was renewed", f.underRoot, []*x509.Certificate{r1, f.longRoot}, "R1long R1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, c := range Order(tt.leaf, tt.pool) {
				got = append(got, f.name(c))
			}
			if !matches(tt.want, got) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

// matches compares with words of which "x|y" stands for both, in either order.
func matches(want string, got []string) bool {
	for _, word := range strings.Fields(want) {
		set := strings.Split(word, "|")
		if len(got) < len(set) {
			return false
		}
		part := slices.Sorted(slices.Values(got[:len(set)]))
		if !slices.Equal(part, slices.Sorted(slices.Values(set))) {
			return false
		}
		got = got[len(set):]
	}
	return len(got) == 0
}

// FuzzOrder draws pools from the family and holds the order to its promises.
func FuzzOrder(f *testing.F) {
	fam := newFamily()
	all := []*x509.Certificate{
		fam.r1.cert, fam.r2.cert, fam.r1by2, fam.r2by1, fam.b.cert, fam.bby2, fam.a.cert, fam.leaf, fam.stranger.cert,
		fam.twin, fam.longRoot, fam.sameNameOnly,
	}
	f.Add([]byte{0, 4, 6}, uint64(1))
	f.Add([]byte{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, uint64(2))
	f.Fuzz(func(t *testing.T, picks []byte, seed uint64) {
		if len(picks) > 40 {
			return
		}
		var pool []*x509.Certificate
		for _, pick := range picks {
			pool = append(pool, all[int(pick)%len(all)])
		}
		chain := Order(fam.leaf, pool)
		rootSeen := false
		for i, c := range chain {
			if slices.IndexFunc(chain, c.Equal) != i {
				t.Fatal("a certificate is there twice")
			}
			if !slices.ContainsFunc(pool, c.Equal) || c.Equal(fam.leaf) {
				t.Fatal("a certificate does not belong there")
			}
			if rootSeen && !selfSigned(c) {
				t.Fatal("a root stands before another's certificate")
			}
			rootSeen = rootSeen || selfSigned(c)
			if i == 0 && !certinfo.Signed(c, fam.leaf) {
				t.Fatal("the first is not the leaf's issuer")
			}
			if i > 0 && !slices.ContainsFunc(chain, func(child *x509.Certificate) bool { return !child.Equal(c) && certinfo.Signed(c, child) }) {
				t.Fatal("a certificate has signed nothing in the chain")
			}
		}
		for _, c := range pool {
			for _, child := range append([]*x509.Certificate{fam.leaf}, chain...) {
				if certinfo.Signed(c, child) && !slices.ContainsFunc(chain, c.Equal) {
					t.Fatal("a certificate above the leaf is missing")
				}
			}
		}
		random := rand.New(rand.NewPCG(seed, 0))
		random.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		if pemOf(Order(fam.leaf, pool)...) != pemOf(chain...) {
			t.Fatal("another order of the same makes another chain")
		}
	})
}

// TestOrderIsBounded has a pool that somebody has put together so that finding the chain
// takes as long as possible: CAs of one name, of which half have
// signed the leaf, and each other.
func TestOrderIsBounded(t *testing.T) {
	root := newRoot("root")
	leaf := root.issue(newKey().Public())
	var pool []*x509.Certificate
	other := newKey().Public()
	for range 1500 {
		pool = append(pool, sign(caTemplate("root"), root.key.Public(), root, nil), sign(caTemplate("root"), other, root, nil))
	}
	began := time.Now()
	chain := Order(leaf, append(pool, root.cert))
	if took := time.Since(began); took > 20*time.Second { // with the machine's load
		t.Errorf("took %v", took)
	}
	if len(chain) > mostChecks {
		t.Errorf("%d certificates in the chain", len(chain))
	}
}
