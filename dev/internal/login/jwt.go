// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package login

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"strings"
	"sync"

	"github.com/certagent/certagent/dev/internal/backend"
)

// JWT is the login methods jwt and kubernetes. Both verify a signed token with
// configured public keys. Vault's kubernetes method asks the Kubernetes API
// instead; this one uses the configured keys (pem_keys).
type JWT struct {
	kubernetes bool
	roles      roles[jwtRole]
	mu         sync.RWMutex
	config     jwtConfig // replaced, never modified in place
}

// jwtConfig is the configuration of the mount.
type jwtConfig struct {
	BoundIssuer     string   `json:"bound_issuer"`
	DefaultRole     string   `json:"default_role"`
	SupportedAlgs   []string `json:"jwt_supported_algs"`
	PubKeys         []string `json:"jwt_validation_pubkeys"`
	JWKSURL         string   `json:"jwks_url"`
	OIDCURL         string   `json:"oidc_discovery_url"`
	PEMKeys         []string `json:"pem_keys,omitempty"`
	KubernetesHost  string   `json:"kubernetes_host,omitempty"`
	keys            []any
	configuredSince bool
}

// NewJWT returns the jwt method without configuration.
func NewJWT() *JWT { return &JWT{} }

// NewKubernetes returns the kubernetes method without configuration.
func NewKubernetes() *JWT { return &JWT{kubernetes: true} }

// Routes returns the routes of the method.
func (j *JWT) Routes() backend.Table {
	return backend.Table{
		{Pattern: "config", Read: j.readConfig, Update: j.writeConfig},
		{Pattern: "role", List: j.roles.list},
		{Pattern: "role/{name}", Read: j.roles.read, Update: j.writeRole, Delete: j.roles.delete, Exists: j.roles.exists},
		{Pattern: "login", Public: true, Update: j.login},
	}
}

func (j *JWT) readConfig(*backend.Request) (*backend.Response, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	if !j.config.configuredSince {
		return nil, nil
	}
	return backend.Data(j.config)
}

func (j *JWT) writeConfig(r *backend.Request) (*backend.Response, error) {
	config := jwtConfig{SupportedAlgs: []string{}, configuredSince: true}
	if err := r.Fields.Decode(&config); err != nil {
		return nil, err
	}
	if config.JWKSURL != "" || config.OIDCURL != "" {
		return nil, backend.BadRequest("the dev server only knows jwt_validation_pubkeys")
	}
	texts := slices.Concat(config.PubKeys, config.PEMKeys)
	if len(texts) == 0 && !j.kubernetes {
		return nil, backend.BadRequest("exactly one of 'jwt_validation_pubkeys', 'jwks_url', 'jwks_pairs' or 'oidc_discovery_url' must be set")
	}
	for _, text := range texts {
		key, err := publicKey(text)
		if err != nil {
			return nil, backend.BadRequest("error parsing public key: %v", err)
		}
		config.keys = append(config.keys, key)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.config = config
	return nil, nil
}

// publicKey parses a public key, or a certificate for its public key.
func publicKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, backend.BadRequest("data does not contain any valid public keys")
	}
	if block.Type == "CERTIFICATE" {
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return cert.PublicKey, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
