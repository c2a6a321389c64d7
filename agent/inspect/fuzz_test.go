// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package inspect

import (
	"slices"
	"strings"
	"testing"
)

func FuzzInspect(f *testing.F) {
	ca, key := newCA(f, "ca", 1, nil), newKey(f)
	web := sign(f, leaf("web", 2), key, ca)
	k := keyPEM(f, key)
	f.Add([]byte(web.pem), []byte(k+ca.pem))
	f.Add([]byte("\xef\xbb\xbf"+strings.ReplaceAll(k, "\n", "\r\n")), []byte(web.pem[:100]))
	f.Add([]byte("{\"a\": \"-----BEGIN PRIVATE KEY-----\\nAAAA\\n-----END PRIVATE KEY-----\"}"), []byte(ca.pem+ca.pem))
	f.Add([]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----"), []byte{})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		report, err := Inspect([]File{{Path: "a", Content: a}, {Path: "b", Content: b}}, noon)
		for _, l := range report.Leaves {
			if l.Certificate == nil || l.Path != "a" && l.Path != "b" {
				t.Errorf("leaf %v", l)
			}
			if err == nil && noon.After(l.Certificate.NotAfter) {
				t.Errorf("published, but expired: %v", l)
			}
		}
		if report.NotAfter.IsZero() != (len(report.Leaves) == 0) {
			t.Errorf("NotAfter %s of %d leaves", report.NotAfter, len(report.Leaves))
		}
		if !slices.IsSorted(report.Keys) || len(slices.Compact(slices.Clone(report.Keys))) != len(report.Keys) {
			t.Errorf("keys %q", report.Keys)
		}
	})
}

func BenchmarkInspect(b *testing.B) {
	ca, key := newCA(b, "ca", 1, nil), newKey(b)
	bundle := files("crt", sign(b, leaf("web", 2), key, ca).pem, "key", keyPEM(b, key), "ca", ca.pem)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Inspect(bundle, noon); err != nil {
			b.Fatal(err)
		}
	}
}
