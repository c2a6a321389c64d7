// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"testing"
	"time"

	"github.com/certagent/certagent/certspec"
)

// FuzzKeystore reads any file as a keystore. It takes no longer than a good one, and
// what is accepted can be written and read again. The digest of a JKS file and the
// password of a PKCS#12 file are given, because without them nothing is read.
func FuzzKeystore(f *testing.F) {
	p := shared()
	pair := p.pairs["ec 256"]
	outputs := []Output{
		{Output: certspec.Output{Kind: certspec.JKS}, Password: "changeit"},
		{Output: certspec.Output{Kind: certspec.PKCS12, Form: certspec.Modern}, Password: "changeit"},
		{Output: certspec.Output{Kind: certspec.PKCS12, Form: certspec.Legacy}, Password: "changeit"},
		{Output: certspec.Output{Kind: certspec.Truststore, Form: certspec.Java}, Password: "changeit"},
		{Output: certspec.Output{Kind: certspec.Truststore, Form: certspec.Modern}, Password: "changeit"},
	}
	for i, o := range outputs {
		content, err := o.Encode(pair, p.trust())
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), false, []byte(content))
		f.Add(uint8(i), true, []byte(content[:max(0, len(content)-20)]))
		f.Add(uint8(i), true, []byte(content[:len(content)/2]))
		f.Add(uint8((i+1)%len(outputs)), false, []byte(content))
	}
	f.Add(uint8(0), true, []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x7f\xff\xff\xff"))
	f.Add(uint8(0), true, []byte("\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\xff\xff"))
	// A private key with 2^31-1 certificates, and one certificate of 2 GiB.
	const entry = "\xfe\xed\xfe\xed\x00\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00\x01\x00\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	f.Add(uint8(0), true, []byte(entry+"\x7f\xff\xff\xff\x00\x05X.509\x00\x00\x00\x00"))
	f.Add(uint8(0), true, []byte(entry+"\x00\x00\x00\x01\x00\x05X.509\x7f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, kind uint8, digest bool, content []byte) {
		o := outputs[int(kind)%len(outputs)]
		if digest {
			content = append(content, o.digest(content)...)
		}
		began := time.Now()
		d := o.Decode(content)
		if took := time.Since(began); took > 10*time.Second {
			t.Fatalf("reading %d bytes took %v", len(content), took)
		}
		if d.Err != nil {
			if d.Pair.Leaf != nil || d.Trust != nil {
				t.Errorf("something was read, with the error %v", d.Err)
			}
			return
		}
		if d.Pair.Leaf == nil && len(d.Trust) == 0 {
			return
		}
		again, err := o.Encode(d.Pair, d.Trust)
		if err != nil {
			return // a key of a kind that is not written
		}
		back := o.Decode(again)
		if back.Err != nil || len(back.Trust) != len(d.Trust) || d.Pair.Leaf != nil && !d.Pair.Leaf.Equal(back.Pair.Leaf) {
			t.Errorf("read back: %v, %d of %d trusted", back.Err, len(back.Trust), len(d.Trust))
		}
	})
}
