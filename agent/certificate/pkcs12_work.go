// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package certificate

import (
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

const (
	// mostIterations is how many rounds of key derivation a PKCS#12 file may ask for
	// altogether. Programs use 1 to 600,000 for each of three keys.
	mostIterations = 3_000_000

	// deepestDER is how deep a PKCS#12 file may be nested, strings that hold DER
	// included. Useful ones need a dozen levels.
	deepestDER = 40
)

// checkPKCS12Work returns an error if reading a file would take too long. The library
// derives the key of the MAC first, before it is known whether the file was made by
// somebody with the password.
func checkPKCS12Work(content []byte) error {
	w := work{left: big.NewInt(mostIterations)}
	if err := w.add(content, 0); err != nil {
		return err
	}
	if w.left.Sign() < 0 {
		return fmt.Errorf("it asks for more than %d rounds of key derivation", mostIterations)
	}
	return nil
}

// work adds up the rounds that the parameters of a file ask for. Wherever they occur, in
// the MAC (RFC 7292), in the encryption of PKCS#12 and in that of PBES2 and PBMAC1
// (RFC 8018), the number follows the salt, which is an octet string.
type work struct{ left *big.Int }

var errTooDeep = errors.New("it is nested too deeply")

// add looks at a series of elements. What is no DER adds nothing: the library refuses it.
func (w *work) add(der []byte, depth int) error {
	if depth > deepestDER {
		return errTooDeep
	}
	afterSalt := false
	for len(der) > 0 {
		var e asn1.RawValue
		rest, err := asn1.Unmarshal(der, &e)
		if err != nil {
			return nil
		}
		universal := e.Class == asn1.ClassUniversal
		switch {
		case e.IsCompound, universal && e.Tag == asn1.TagOctetString && len(e.Bytes) > 0 && e.Bytes[0] == 0x30:
			if err := w.add(e.Bytes, depth+1); err != nil {
				return err
			}
		case universal && e.Tag == asn1.TagInteger && afterSalt:
			n := new(big.Int).SetBytes(e.Bytes) // a negative number is as bad as a large one
			w.left.Sub(w.left, n)
		}
		afterSalt = universal && e.Tag == asn1.TagOctetString
		der = rest
	}
	return nil
}
