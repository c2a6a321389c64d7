// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/ecdh"
	"encoding/json"
	"path/filepath"
	"testing"
)

// FuzzEncryption seals any token for the key in any dh_path. What is sealed has the form
// that readers expect; and whatever the token and the aad are, a reader with the key gets
// the token back, and one with another aad does not.
func FuzzEncryption(f *testing.F) {
	reader, err := ecdh.X25519().NewPrivateKey([]byte("thirty-two bytes of a secret key"))
	must(f, err)
	valid, err := json.Marshal(publicKey{reader.PublicKey().Bytes()})
	must(f, err)
	for _, content := range []string{
		string(valid), "", "{}", "null", "[]", `{"curve25519_public_key":""}`, `{"curve25519_public_key":"AAAA"}`,
		`{"curve25519_public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`, `{"curve25519_public_key":[1,2,3]}`,
	} {
		f.Add([]byte(content), true, "", []byte("hvs.token"))
		f.Add([]byte(content), false, "context", []byte{})
	}
	dir := f.TempDir()
	any, fixed := filepath.Join(dir, "any"), filepath.Join(dir, "fixed")
	write(f, fixed, string(valid), 0o600)
	f.Fuzz(func(t *testing.T, content []byte, derive bool, aad string, token []byte) {
		write(t, any, string(content), 0o600)
		if sealed, err := (&Encryption{DHPath: any, DeriveKey: derive, AAD: aad}).Seal(token); err == nil {
			var e envelope
			must(t, json.Unmarshal(sealed, &e))
			if len(e.Curve25519PublicKey) != 32 || len(e.Nonce) != 12 || len(e.EncryptedPayload) != len(token)+16 {
				t.Errorf("sealed %s", sealed)
			}
		}
		sealed, err := (&Encryption{DHPath: fixed, DeriveKey: derive, AAD: aad}).Seal(token)
		must(t, err)
		if got, err := open(t, reader, sealed, derive, aad); err != nil || got != string(token) {
			t.Errorf("sealed %q, opened %q, %v", token, got, err)
		}
		if _, err := open(t, reader, sealed, derive, aad+"x"); err == nil {
			t.Error("opened with another aad")
		}
	})
}
