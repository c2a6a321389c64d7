// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/safefile"
)

// Encryption encrypts a token for the reader that has the private key of an
// X25519 key pair, in the format of Vault Agent's dh_type "curve25519".
type Encryption struct {
	DHPath    string // a JSON file with the reader's public key
	DeriveKey bool   // derive the key from the shared secret by HKDF-SHA256
	AAD       string // authenticated with the token, but not stored

	reader *ecdh.PublicKey
}

// publicKey is the content of DHPath.
type publicKey struct {
	Curve25519PublicKey []byte `json:"curve25519_public_key"`
}

// envelope is the JSON that replaces the token.
type envelope struct {
	Curve25519PublicKey []byte `json:"curve25519_public_key"` // ours, generated for this envelope
	Nonce               []byte `json:"nonce"`
	EncryptedPayload    []byte `json:"encrypted_payload"` // AES-256-GCM
}

var errSameKey = errors.New("both sides have the same public key")

// Seal returns the encrypted token as JSON. It reads DHPath until it has succeeded
// once, and not again (as in Vault Agent). Seal is not safe for concurrent
// use.
func (e *Encryption) Seal(token redact.Bytes) ([]byte, error) {
	if err := e.load(); err != nil {
		return nil, err
	}
	own, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating a key to encrypt the token: %w", err)
	}
	key, err := e.key(own)
	if err != nil {
		return nil, fmt.Errorf("deriving the key to encrypt the token: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("encrypting the token: %w", err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("encrypting the token: %w", err)
	}
	nonce := make([]byte, gcm.NonceSize())
	rand.Read(nonce)
	return json.Marshal(envelope{
		Curve25519PublicKey: own.PublicKey().Bytes(),
		Nonce:               nonce,
		EncryptedPayload:    gcm.Seal(nil, nonce, token, []byte(e.AAD)),
	})
}

// load reads the reader's public key.
func (e *Encryption) load() error {
	if e.reader != nil {
		return nil
	}
	content, err := safefile.Read(e.DHPath, safefile.MaxCredential)
	if err != nil {
		return fmt.Errorf("reading dh_path: %w", err)
	}
	var p publicKey
	if err := json.Unmarshal(content, &p); err != nil {
		return fmt.Errorf("reading dh_path %q: %w", e.DHPath, err)
	}
	e.reader, err = ecdh.X25519().NewPublicKey(p.Curve25519PublicKey)
	if err != nil {
		return fmt.Errorf("reading dh_path %q: curve25519_public_key: %w", e.DHPath, err)
	}
	return nil
}

// key returns the 32-byte key that both sides can compute.
func (e *Encryption) key(own *ecdh.PrivateKey) ([]byte, error) {
	secret, err := own.ECDH(e.reader)
	if err != nil || !e.DeriveKey {
		return secret, err
	}
	salt, info := own.PublicKey().Bytes(), e.reader.Bytes()
	switch bytes.Compare(salt, info) {
	case 0:
		return nil, errSameKey
	case 1:
		salt, info = info, salt
	}
	return hkdf.Key(sha256.New, secret, salt, string(info), len(secret))
}
