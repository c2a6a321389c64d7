// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"
)

func TestTrustDuringAChangeOfIssuer(t *testing.T) {
	a, b := newRoot("A").cert, newRoot("B").cert
	short := caTemplate("Short")
	short.NotAfter = noon.Add(2 * time.Hour)
	key := newKey()
	c := sign(short, key.Public(), nil, key)
	show := func(tr Trust) string {
		var list []string
		for _, t := range tr {
			name := t.Certificate.Subject.CommonName
			if !t.Until.IsZero() {
				name += "+" + t.Until.Sub(noon).String()
			}
			list = append(list, name)
		}
		return strings.Join(list, " ")
	}
	chain := func(list ...*x509.Certificate) []*x509.Certificate { return list }
	at := func(h time.Duration) time.Time { return noon.Add(h * time.Hour) }

	first := Trust(nil).Next(time.Time{}, chain(a), at(0))
	changed := first.Next(at(10), chain(b), at(1))
	for _, tt := range []struct {
		name string
		got  Trust
		want string
	}{
		{"first", first, "A"},
		{"renewed by the same issuer", first.Next(at(10), chain(a), at(6)), "A"},
		{"the issuer has changed", changed, "B A+10h0m0s"},
		{"renewals by the new issuer do not prolong", changed.Next(at(14), chain(b), at(5)), "B A+10h0m0s"},
		{"a moment before the old leaf's end", changed.Next(at(14), chain(b), at(10).Add(-1)), "B A+10h0m0s"},
		{"the old leaf is gone", changed.Next(at(14), chain(b), at(10)), "B"},
		{"and back again", changed.Next(at(14), chain(a), at(5)), "A B+14h0m0s"},
		{"the old leaf had expired already", first.Next(at(0), chain(b), at(1)), "B"},
		{"no old leaf is known", first.Next(time.Time{}, chain(b), at(1)), "B"},
		{"a CA that ends before its leaf", Trust{{Certificate: c}}.Next(at(10), chain(b), at(1)), "B Short+2h0m0s"},
		{"two changes", changed.Next(at(14), chain(c), at(2)), "Short B+14h0m0s A+10h0m0s"},
		{"a chain grows", first.Next(at(10), chain(b, a), at(1)), "B A"},
	} {
		if got := show(tt.got); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
	if got := changed.Until(); !got.Equal(at(10)) {
		t.Errorf("changes by itself at %v", got)
	}
	if got := first.Until(); !got.IsZero() {
		t.Errorf("changes by itself at %v", got)
	}
}
