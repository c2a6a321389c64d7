// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package seed

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/hashicorp/vault/api"
)

// JWT is a role of the JWT method. Apply creates the key that signs its tokens.
type JWT struct {
	Mount  string // "" means "jwt"
	Role   string
	Params Params // of the role; role_type and user_claim have defaults
}

// Signer signs tokens that the method accepts.
type Signer struct{ signer jose.Signer }

// Apply mounts the method if needed, configures the key, writes the role and
// returns the signer.
func (j JWT) Apply(ctx context.Context, c *api.Client) (*Signer, error) {
	mount := or(j.Mount, "jwt")
	if err := Method(ctx, c, mount, "jwt"); err != nil {
		return nil, err
	}
	signer, public, err := NewSigner()
	if err != nil {
		return nil, err
	}
	if err := write(ctx, c, "auth/"+mount+"/config", Params{"jwt_validation_pubkeys": []string{public}}); err != nil {
		return nil, err
	}
	body := Params{"role_type": "jwt", "user_claim": "sub"}
	maps.Copy(body, j.Params)
	return signer, write(ctx, c, "auth/"+mount+"/role/"+j.Role, body)
}

// NewSigner creates a key and returns its signer and the public key as PEM.
func NewSigner() (s *Signer, public string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		return nil, "", fmt.Errorf("creating a signer: %w", err)
	}
	return &Signer{signer}, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// Sign returns a token with the claims, such as sub, aud and exp (a Unix time).
func (s *Signer) Sign(claims map[string]any) (string, error) {
	return jwt.Signed(s.signer).Claims(claims).Serialize()
}
