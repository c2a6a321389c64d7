// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
	"github.com/certagent/certagent/redact"
)

const password = redact.Secret("s3cret & safe")

// everyOutput is each kind in each of its forms.
func everyOutput() (list []Output) {
	for _, kind := range []certspec.Kind{certspec.Cert, certspec.FullChain, certspec.Chain, certspec.CA, certspec.Key, certspec.Combined, certspec.PKCS12, certspec.JKS, certspec.Truststore} {
		possible := kind.Forms()
		if possible == nil {
			possible = []certspec.Form{""}
		}
		for _, form := range possible {
			o := Output{Output: certspec.Output{Kind: kind, Form: form}}
			if o.Kind.HasPassword() {
				o.Password = password
			}
			list = append(list, o)
		}
	}
	return list
}

func (o Output) title() string { return strings.TrimSuffix(fmt.Sprintf("%s %s", o.Kind, o.Form), " ") }

func encode(t testing.TB, o Output, p Pair, trust Trust) []byte {
	t.Helper()
	content, err := o.Encode(p, trust)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// TestRoundTrip reads back what every kind of file holds for every kind of key.
func TestRoundTrip(t *testing.T) {
	p := shared()
	for name, pair := range p.pairs {
		kind, bits := kindOf(pair.Leaf.PublicKey)
		for _, o := range everyOutput() {
			t.Run(name+"/"+o.title(), func(t *testing.T) {
				content, err := o.Encode(pair, p.trust())
				if problems := o.Validate(certspec.KeySpec{Type: kind, Bits: bits}); len(problems) > 0 {
					if err == nil {
						t.Fatalf("made what Validate refuses: %v", problems)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				again, trust, err := decoded(o, content)
				if err != nil {
					t.Fatal(err)
				}
				if again.Leaf != nil && !again.Leaf.Equal(pair.Leaf) {
					t.Error("another leaf")
				}
				if got := again.Key.Public(); (got != nil) != o.Kind.HoldsKey() || got != nil && !same(got, pair.Key.Public()) {
					t.Errorf("the key is there: %t, or it is another", got != nil)
				}
				if leaf := again.Leaf != nil; leaf == (o.Kind == certspec.Key || o.Kind == certspec.Chain || o.Kind == certspec.CA || o.Kind == certspec.Truststore) {
					t.Errorf("the leaf is there: %t", leaf)
				}
				want := map[certspec.Kind]string{
					certspec.FullChain: pemOf(p.intermediate.cert), certspec.Combined: pemOf(p.intermediate.cert), certspec.PKCS12: pemOf(p.intermediate.cert),
					certspec.JKS: pemOf(p.intermediate.cert), certspec.Chain: pemOf(pair.Chain...),
				}[o.Kind]
				if got := pemOf(again.Chain...); got != want {
					t.Errorf("%d CAs of the chain", len(again.Chain))
				}
				if o.Kind == certspec.CA || o.Kind == certspec.Truststore {
					want = pemOf(pair.Chain...)
				} else {
					want = ""
				}
				if got := pemOf(trust.Certificates()...); got != want {
					t.Errorf("%d CAs that are trusted", len(trust))
				}
			})
		}
	}
}

func TestPEMFiles(t *testing.T) {
	p := shared()
	pair := p.pairs["rsa 2048"]
	leaf, i, root := pemOf(pair.Leaf), pemOf(p.intermediate.cert), pemOf(p.root.cert)
	pkcs8, pkcs1 := keyPEM(t, pair.Key.Signer(), certspec.PKCS8), keyPEM(t, pair.Key.Signer(), certspec.PKCS1)
	for _, tt := range []struct {
		output Output
		want   string
	}{
		{Output{Output: certspec.Output{Kind: certspec.Cert}}, leaf},
		{Output{Output: certspec.Output{Kind: certspec.FullChain}}, leaf + i},
		{Output{Output: certspec.Output{Kind: certspec.Chain}}, i + root},
		{Output{Output: certspec.Output{Kind: certspec.CA}}, i + root},
		{Output{Output: certspec.Output{Kind: certspec.Key}}, pkcs8},
		{Output{Output: certspec.Output{Kind: certspec.Key, Form: certspec.PKCS8}}, pkcs8},
		{Output{Output: certspec.Output{Kind: certspec.Key, Form: certspec.PKCS1}}, pkcs1},
		{Output{Output: certspec.Output{Kind: certspec.Combined}}, leaf + i + pkcs8},
		{Output{Output: certspec.Output{Kind: certspec.Combined, Form: certspec.PKCS1}}, leaf + i + pkcs1},
	} {
		if got := string(encode(t, tt.output, pair, p.trust())); got != tt.want {
			t.Errorf("%s: got\n%s\nwant\n%s", tt.output.title(), got, tt.want)
		}
	}
	for form, label := range map[certspec.Form]string{certspec.PKCS8: "PRIVATE KEY", certspec.SEC1: "EC PRIVATE KEY"} {
		block, rest := pem.Decode(encode(t, Output{Output: certspec.Output{Kind: certspec.Key, Form: form}}, p.pairs["ec 256"], nil))
		if block.Type != label || len(rest) > 0 {
			t.Errorf("%s: %s", form, block.Type)
		}
	}
}

// TestEqualContentGivesEqualBytes makes every file twice, the second time of what
// was read anew.
func TestEqualContentGivesEqualBytes(t *testing.T) {
	p := shared()
	for name, pair := range p.pairs {
		key, err := ParseKey(encode(t, Output{Output: certspec.Output{Kind: certspec.Key}}, pair, nil))
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(pair.Leaf.Raw)
		if err != nil {
			t.Fatal(err)
		}
		again := Pair{Leaf: leaf, Chain: Order(leaf, []*x509.Certificate{p.root.cert, p.intermediate.cert}), Key: key}
		for _, o := range everyOutput() {
			first, err := o.Encode(pair, p.trust())
			second, err2 := o.Encode(again, p.trust())
			if (err == nil) != (err2 == nil) || !bytes.Equal(first, second) {
				t.Errorf("%s of %s: two results, %v, %v", o.title(), name, err, err2)
			}
		}
	}
}

// TestSaltsDiffer holds the salts to what the package's comment says of them: they
// differ within a file and between contents, and the password has no part in them.
func TestSaltsDiffer(t *testing.T) {
	p := shared()
	pair, other := p.pairs["ec 256"], p.pairs["ec 256"]
	other.Leaf = p.intermediate.issue(pair.Key.Public()) // renewed with the same key
	for _, o := range everyOutput() {
		if !o.Kind.HasPassword() || o.WithDefaults().Form == certspec.Java {
			continue // of the Java forms, a truststore encrypts nothing
		}
		salts := saltsIn(t, encode(t, o, pair, p.trust()), o)
		if len(salts) == 0 {
			t.Fatalf("%s: no salts found", o.title())
		}
		seen := map[string]bool{}
		for _, salt := range salts {
			if seen[salt] || strings.Count(salt, salt[:1]) == len(salt) {
				t.Errorf("%s: a salt is there twice, or empty: %x", o.title(), salt)
			}
			seen[salt] = true
		}
		elsewhere := saltsIn(t, encode(t, o, other, Trust{{Certificate: p.root.cert}}), o)
		for _, salt := range elsewhere {
			if seen[salt] {
				t.Errorf("%s: another content has the same salt", o.title())
			}
		}
		same := o
		same.Password += "!"
		if got := saltsIn(t, encode(t, same, pair, p.trust()), o); fmt.Sprint(got) != fmt.Sprint(salts) {
			t.Errorf("%s: the password is part of the salts", o.title())
		}
	}
}

// saltsIn collects the salts and initialization vectors of a file: the texts of
// octets of their sizes.
func saltsIn(t *testing.T, content []byte, o Output) (found []string) {
	t.Helper()
	if o.Kind == certspec.JKS {
		// The salt is the first 20 octets of the encrypted key, which stands behind
		// its algorithm's name (1.3.6.1.4.1.42.2.17.1.1) and parameters.
		at := bytes.Index(content, []byte{0x2b, 6, 1, 4, 1, 0x2a, 2, 0x11, 1, 1, 5, 0, 4})
		if at < 0 {
			t.Fatal("no encrypted key")
		}
		at += 13 + 1 // the length of a short key
		if content[at-1] == 0x81 {
			at++
		}
		return []string{string(content[at : at+20])}
	}
	sizes := map[int]bool{16: o.WithDefaults().Form == certspec.Modern, 8: o.WithDefaults().Form == certspec.Legacy}
	var walk func(der []byte)
	walk = func(der []byte) {
		for len(der) > 0 {
			var value asn1.RawValue
			rest, err := asn1.Unmarshal(der, &value)
			if err != nil {
				return
			}
			der = rest
			if value.IsCompound {
				walk(value.Bytes)
			} else if value.Tag == asn1.TagOctetString && sizes[len(value.Bytes)] {
				found = append(found, string(value.Bytes))
			} else if value.Tag == asn1.TagOctetString {
				walk(value.Bytes)
			}
		}
	}
	walk(content)
	return found
}

func TestOutputsThatAreRefused(t *testing.T) {
	p := shared()
	for _, bad := range []redact.Secret{"", "short", "with a line break\n", "pässwörd"} {
		for _, o := range everyOutput() {
			o.Password = bad
			_, err := o.Encode(p.pairs["rsa 2048"], p.trust())
			if o.Kind.HasPassword() && (err == nil || bad != "" && strings.Contains(err.Error(), string(bad))) {
				t.Errorf("%s with a bad password: %v", o.title(), err)
			}
		}
	}
	if err := (Output{Output: certspec.Output{Kind: certspec.Key}, Password: "secret"}).CheckPassword(); err == nil || !strings.Contains(err.Error(), "has no password") {
		t.Errorf("a key with a password: %v", err)
	}
	without := p.pairs["ec 256"]
	without.Key = PrivateKey{}
	for _, o := range everyOutput() {
		if _, err := o.Encode(without, p.trust()); (err != nil) != o.Kind.HoldsKey() {
			t.Errorf("%s without a key: %v", o.title(), err)
		}
	}
}

// TestDamagedFiles changes each octet of each kind of file. Reading must end, with
// an error or with the same key; nothing but an error may come of another password.
func TestDamagedFiles(t *testing.T) {
	p := shared()
	pair := p.pairs["ec 256"]
	for _, o := range everyOutput() {
		if o.Kind == certspec.Key && o.Form == certspec.PKCS1 || o.Kind == certspec.Combined && o.Form == certspec.PKCS1 {
			continue
		}
		content := encode(t, o, pair, p.trust())
		for at := 0; at < len(content); at += 1 + len(content)/200 {
			damaged := bytes.Clone(content)
			damaged[at] ^= 1
			got, _, err := decoded(o, damaged)
			if err == nil && o.Kind.HasPassword() {
				t.Errorf("%s: octet %d makes no difference", o.title(), at)
			}
			if err == nil && o.Kind == certspec.Key && got.Key.Public() == nil {
				t.Errorf("%s: neither key nor error", o.title())
			}
		}
		for _, cut := range []int{0, 1, 19, 20, 40, len(content) / 2} {
			_, _, err := decoded(o, content[:cut])
			if err == nil && o.Kind != certspec.CA && o.Kind != certspec.Chain {
				t.Errorf("%s: read from %d octets", o.title(), cut)
			}
		}
		if !o.Kind.HasPassword() {
			continue
		}
		wrong := o
		wrong.Password = "another password"
		if _, _, err := decoded(wrong, content); err == nil {
			t.Errorf("%s: read with another password", o.title())
		}
	}
}

// TestDamagedLengthsCostNothing: the library would make room for what a length in
// the file says before it finds that there is less.
func TestDamagedLengthsCostNothing(t *testing.T) {
	o := Output{Output: certspec.Output{Kind: certspec.JKS}, Password: password}
	content := encode(t, o, shared().pairs["ec 256"], nil)
	// Before the length: magic, version and number, tag, alias, date.
	at := 3*4 + 4 + 2 + len(o.WithDefaults().Alias) + 8
	content[at] = 0x10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, _, err := decoded(o, content); err == nil {
		t.Error("no error")
	}
	runtime.ReadMemStats(&after)
	if spent := after.TotalAlloc - before.TotalAlloc; spent > 64<<20 {
		t.Errorf("%d bytes were allocated", spent)
	}
}

// TestOldBundleFromDisk: dates of former CAs that were lost are bounded by the
// leaf that is there.
func TestOldBundleFromDisk(t *testing.T) {
	p := shared()
	stranger := newRoot("Former").cert
	_, old, err := decoded(Output{Output: certspec.Output{Kind: certspec.CA}}, []byte(pemOf(p.root.cert, stranger)))
	if err != nil {
		t.Fatal(err)
	}
	next := old.Next(noon.Add(time.Hour), []*x509.Certificate{p.root.cert}, noon)
	if len(next) != 2 || !next.Until().Equal(noon.Add(time.Hour)) {
		t.Errorf("got %d, until %v", len(next), next.Until())
	}
}

// TestBytesAreStable holds the files that are encrypted to what earlier versions
// made of the same: others would be rewritten, and reloaded, after an upgrade.
func TestBytesAreStable(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	template := caTemplate("Fixed")
	template.SerialNumber = big.NewInt(7)
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pair, trust := Pair{Leaf: c, Key: PrivateKey{key}}, Trust{{Certificate: c}}
	for title, want := range map[string]string{
		"pkcs12 modern": "4e5f494f3fc2d571", "pkcs12 legacy": "16fa2d820e3f9376", "jks": "23110b78cf21e019", "truststore jks": "f1bc0b3b17cac9ce", "truststore modern": "2152f12786b2ea4e", "truststore legacy": "871cfb30cdea07ee",
	} {
		for _, o := range everyOutput() {
			if o.title() != title {
				continue
			}
			if got := fmt.Sprintf("%x", sha256.Sum256(encode(t, o, pair, trust)))[:16]; got != want {
				t.Errorf("%s: got %s, want %s", title, got, want)
			}
		}
	}
}
