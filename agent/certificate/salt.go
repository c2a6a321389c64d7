// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/sha3"
	"crypto/x509"
	"encoding/binary"
	"io"
)

// saltsOf is an endless source of salts that is always the same for the same
// content. Why that is safe, the package's comment tells.
func saltsOf(o Output, key []byte, list []*x509.Certificate) io.Reader {
	h := sha3.NewCSHAKE256(nil, []byte("certagent: salts of a key store"))
	write := func(part []byte) {
		// Lengths keep "a","bc" and "ab","c" apart.
		_, _ = h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write(part)
	}
	write([]byte(o.Kind))
	write([]byte(o.Form))
	write([]byte(o.Alias))
	write(key)
	for _, c := range list {
		write(c.Raw)
	}
	return h
}
