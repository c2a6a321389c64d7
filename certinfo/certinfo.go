// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package certinfo answers questions about X.509 certificates that several packages
// have.
//
// It is pure.
package certinfo

import (
	"bytes"
	"crypto/x509"
	"errors"
	"strings"
	"time"
)

// Tolerance is how far in the future a certificate's validity may begin, because the
// clock of the issuing server may be ahead of this host's. Vault dates certificates
// back by 30 seconds.
const Tolerance = 5 * time.Minute

// Serial returns the serial number as Vault writes it: pairs of hexadecimal digits
// with colons between them.
func Serial(c *x509.Certificate) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for i, octet := range c.SerialNumber.Bytes() {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteByte(digits[octet>>4])
		b.WriteByte(digits[octet&15])
	}
	return b.String()
}

// Signed reports whether a CA signed a certificate. A signature that Go cannot check,
// or does not check because the algorithm is weak, counts as valid.
func Signed(ca, child *x509.Certificate) bool {
	if !bytes.Equal(ca.RawSubject, child.RawIssuer) {
		return false
	}
	err := child.CheckSignatureFrom(ca)
	var weak x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &weak) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}
