// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestViewFits80Columns prints what a long run has to show.
func TestViewFits80Columns(t *testing.T) {
	t.Parallel()
	serial, _ := new(big.Int).SetString("4e1b4a7db8da8f90cf4b8d63fc4e9dbbbb7f4e0d", 16)
	c := &x509.Certificate{SerialNumber: serial, NotAfter: time.Now()}
	var out bytes.Buffer
	d := &demo{out: &out, traffic: &traffic{}, form: bundleForm}
	d.traffic.requests.Store(99_999_999)
	d.heading()
	d.show(rotation{number: 999, at: time.Now(), disk: c, served: c, verified: true, reloads: 9_999_999})
	d.remark("check failed: nginx keeps the certificate that it has")
	t.Logf("\n%s", out.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 3 || !strings.Contains(lines[1], " 4e:1b…4e:0d ") {
		t.Errorf("%q", lines)
	}
	for _, line := range append(lines, strings.Split(usage, "\n")...) {
		if n := utf8.RuneCountInString(line); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}
