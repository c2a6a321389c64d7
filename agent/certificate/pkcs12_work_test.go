// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/x509/pkix"
	"encoding/asn1"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/certagent/certagent/certspec"
)

// withIterations returns a PKCS#12 file in which each number of rounds n is another one.
func withIterations(t *testing.T, file []byte, n int, other int64) []byte {
	t.Helper()
	old, err := asn1.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(file, old) {
		t.Fatalf("no number of rounds %d in the file", n)
	}
	// Only numbers of the same length keep the lengths around them.
	replacement, err := asn1.Marshal(other)
	if err != nil {
		t.Fatal(err)
	}
	if len(replacement) != len(old) {
		t.Fatalf("%d has another length than %d", other, n)
	}
	return bytes.ReplaceAll(file, old, replacement)
}

// bomb returns a file with a MAC of so many rounds, which anybody can make.
func bomb(t *testing.T, rounds int64) []byte {
	t.Helper()
	data := asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	inner, err := asn1.Marshal([]int{})
	if err != nil {
		t.Fatal(err)
	}
	octets, err := asn1.Marshal(inner)
	if err != nil {
		t.Fatal(err)
	}
	type content struct {
		Type    asn1.ObjectIdentifier
		Content asn1.RawValue
	}
	type digest struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	type mac struct {
		Mac        digest
		Salt       []byte
		Iterations int64
	}
	file, err := asn1.Marshal(struct {
		Version int
		Safe    content
		MAC     mac
	}{3, content{data, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: octets}},
		mac{digest{pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}}, make([]byte, 20)}, []byte("saltsalt"), rounds}})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestKeystoreThatAsksForTooMuchWork is about files at a destination that somebody else
// has made: whoever makes one need not know the password.
func TestKeystoreThatAsksForTooMuchWork(t *testing.T) {
	p := shared()
	pair := p.pairs["ec 256"]
	modern, err := pkcs12.Modern2023.WithIterations(300).Encode(pair.Key.signer, pair.Leaf, nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	wide, err := pkcs12.Modern2023.WithIterations(70_000).Encode(pair.Key.signer, pair.Leaf, nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	legacy, err := pkcs12.LegacyDES.WithIterations(300).Encode(pair.Key.signer, pair.Leaf, nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		refused bool
	}{
		"useful":         {modern, false},
		"legacy":         {legacy, false},
		"more":           {withIterations(t, modern, 300, 30_000), false},
		"PBES2":          {withIterations(t, wide, 70_000, 8_000_000), true},
		"MAC":            {bomb(t, 1<<31-1), true},
		"MAC, 64 bits":   {bomb(t, 1<<62), true},
		"MAC, just more": {bomb(t, mostIterations+1), true},
		"MAC, negative":  {bomb(t, -5), true},
		"nested strings": {nested(t, 300), true},
		"half a file":    {modern[:len(modern)/2], true},
		"not DER":        {[]byte("x"), true},
		"nothing":        {nil, true},
	} {
		for _, kind := range []certspec.Kind{certspec.PKCS12, certspec.Truststore} {
			if kind == certspec.Truststore && !c.refused {
				continue
			}
			began := time.Now()
			o := Output{Output: certspec.Output{Kind: kind, Form: certspec.Modern}, Password: "changeit"}
			d := o.Decode(c.content)
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%s, %s: took %v", name, kind, took)
			}
			if !c.refused && d.Err != nil && name != "more" || c.refused && d.Err == nil {
				t.Errorf("%s, %s: %v", name, kind, d.Err)
			}
		}
	}
}

// nested returns strings in strings.
func nested(t *testing.T, depth int) []byte {
	t.Helper()
	content := []byte{0x30, 0}
	for range depth {
		inner, err := asn1.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if content, err = asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: inner}); err != nil {
			t.Fatal(err)
		}
	}
	return content
}

// What is encrypted shows its work only to who has the password: it is bounded in time.
func TestKeystoreWithHiddenWorkIsBoundedInTime(t *testing.T) {
	pair := shared().pairs["ec 256"]
	o := Output{Output: certspec.Output{Kind: certspec.PKCS12, Form: certspec.Modern}, Password: "changeit"}
	content, err := pkcs12.Modern2023.WithIterations(300_000).Encode(pair.Key.signer, pair.Leaf, nil, "changeit")
	if err != nil {
		t.Fatal(err)
	}
	if d := o.decodeWithin(time.Microsecond, content); d.Err == nil || !strings.Contains(d.Err.Error(), "takes longer than") {
		t.Errorf("got %v", d.Err)
	}
	if d := o.decodeWithin(time.Minute, content); d.Err != nil {
		t.Error(d.Err)
	}
}

// Keys of any size are not checked: that takes any time.
func TestHugeKeysAreRefused(t *testing.T) {
	huge := append([]byte{0x30, 0x83, 0x0f, 0xff, 0xff}, bytes.Repeat([]byte{1}, 0xfffff)...)
	if _, err := parseKeyDER(huge); err == nil || !strings.Contains(err.Error(), "longer than 16 KiB") {
		t.Errorf("got %v", err)
	}
}
