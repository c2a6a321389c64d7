// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"crypto/sha3"
	"crypto/x509"
	"encoding/binary"
	"io"
)

// saltsOf returns an endless source of salts and initialization vectors for a
// PKCS#12 or JKS file, which is always the same for the same content.
//
// A file is not rewritten while its content is the same, so encrypting it must give
// the same bytes each time. The salts are therefore not random but the output of
// SHAKE256 over everything that the file contains: format, names, certificates and
// the private key. This is as safe as random salts, for these reasons:
//
//   - A salt has to differ from file to file, so that one guess of a password is
//     good for one file only. Another content gives other salts. Two files with one
//     content and two passwords share their salts, but the keys derived from these
//     have nothing in common.
//   - Each encryption key is derived from the password and a salt, and encrypts one
//     content, once. Nobody can have a second text encrypted under it, which is all
//     that an unpredictable initialization vector prevents.
//   - Salts are public. They come from a one-way function of a private key, which
//     has far too many possible values to be guessed, so they reveal nothing of it,
//     and nobody without the key can know the salts before seeing the file.
//   - The password is left out on purpose. An attacker who knows the rest, which is
//     public for a trust store, could otherwise try passwords against the salts, at
//     the cost of one hash each instead of the thousands of the format.
//
// Equal salts reveal that two files have the same content, which their certificates
// do not hide either. The salts of a trust store can be computed in advance from its
// certificates; all that its password protects is their integrity.
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
