// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// UUID returns a random identifier in Vault's format.
func UUID() string {
	var b [16]byte
	rand.Read(b[:])
	return uuid(b[:])
}

// UUIDOf returns an identifier that depends on the text only.
func UUIDOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return uuid(sum[:16])
}

func uuid(b []byte) string {
	h := hex.EncodeToString(b)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// Random returns n random letters and digits.
func Random(n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = alphabet[int(b[i])%len(alphabet)]
	}
	return string(b)
}
