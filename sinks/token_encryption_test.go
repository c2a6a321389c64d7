// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/redact"
)

// open decrypts like a reader of Vault Agent's sinks, without the code under test.
func open(t *testing.T, own *ecdh.PrivateKey, sealed []byte, derive bool, aad string) (string, error) {
	t.Helper()
	var fields map[string]string
	must(t, json.Unmarshal(sealed, &fields))
	field := func(name string) []byte {
		content, err := base64.StdEncoding.DecodeString(fields[name])
		must(t, err)
		return content
	}
	theirs, err := ecdh.X25519().NewPublicKey(field("curve25519_public_key"))
	must(t, err)
	key, err := own.ECDH(theirs)
	must(t, err)
	if derive {
		a, b := own.PublicKey().Bytes(), theirs.Bytes()
		if new(big.Int).SetBytes(a).Cmp(new(big.Int).SetBytes(b)) > 0 {
			a, b = b, a
		}
		// RFC 5869, one block: salt is the smaller key, info the larger.
		extract := hmac.New(sha256.New, a)
		extract.Write(key)
		expand := hmac.New(sha256.New, extract.Sum(nil))
		expand.Write(append(b, 1))
		key = expand.Sum(nil)
	}
	block, err := aes.NewCipher(key)
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)
	plain, err := gcm.Open(nil, field("nonce"), field("encrypted_payload"), []byte(aad))
	return string(plain), err
}

func readerKey(t *testing.T) (own *ecdh.PrivateKey, path string) {
	t.Helper()
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	must(t, err)
	path = filepath.Join(t.TempDir(), "dh.json")
	write(t, path, `{"curve25519_public_key":"`+base64.StdEncoding.EncodeToString(own.PublicKey().Bytes())+`"}`, 0o600)
	return own, path
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		derive bool
		aad    string
	}{
		"plain":         {false, ""},
		"with aad":      {false, "context"},
		"derived":       {true, ""},
		"both together": {true, "context"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own, path := readerKey(t)
			e := &Encryption{DHPath: path, DeriveKey: test.derive, AAD: test.aad}
			seen := map[string]bool{}
			// Often enough that the key of each side is the smaller one at least once.
			for range 40 {
				sealed, err := e.Seal(redact.Bytes("hvs.x"))
				must(t, err)
				if got, err := open(t, own, sealed, test.derive, test.aad); got != "hvs.x" {
					t.Errorf("decrypted to %q, %v", got, err)
				}
				if _, err := open(t, own, sealed, test.derive, test.aad+"!"); err == nil {
					t.Error("the aad is not authenticated")
				}
				if _, err := open(t, own, sealed, !test.derive, test.aad); err == nil {
					t.Error("derive_key makes no difference")
				}
				if seen[string(sealed)] {
					t.Error("sealed twice alike")
				}
				seen[string(sealed)] = true
			}
		})
	}
}

// TestEncryptionReadsTheKeyLazily: a missing file is read again at the next attempt; a key
// that was read is kept.
func TestEncryptionReadsTheKeyLazily(t *testing.T) {
	t.Parallel()
	own, path := readerKey(t)
	must(t, os.Rename(path, path+".later"))
	e := &Encryption{DHPath: path}
	if _, err := e.Seal(redact.Bytes("hvs.x")); err == nil || !strings.Contains(err.Error(), "reading dh_path") {
		t.Errorf("error %v", err)
	}
	must(t, os.Rename(path+".later", path))
	for range 2 {
		sealed, err := e.Seal(redact.Bytes("hvs.x"))
		must(t, err)
		if got, _ := open(t, own, sealed, false, ""); got != "hvs.x" {
			t.Errorf("decrypted to %q", got)
		}
		os.Remove(path)
	}
}

func TestEncryptionRefusesBadKeys(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":     "",
		"no key":    "{}",
		"short":     `{"curve25519_public_key":"AAAA"}`,
		"no base64": `{"curve25519_public_key":"!"}`,
		"low order": `{"curve25519_public_key":"` + base64.StdEncoding.EncodeToString(make([]byte, 32)) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "dh.json")
			write(t, path, content, 0o600)
			for _, derive := range []bool{false, true} {
				sealed, err := (&Encryption{DHPath: path, DeriveKey: derive}).Seal(redact.Bytes("hvs.x"))
				if err == nil || sealed != nil || strings.Contains(err.Error(), "hvs.x") {
					t.Errorf("sealed %q, error %v", sealed, err)
				}
			}
		})
	}
}
