// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"syscall"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
)

// vault is the upstream. Its listener demands client certificates.
type vault struct {
	name   string
	url    string
	ca     []byte      // PEM, of its listener's certificate
	client *api.Client // with the root token
	stop   func() error
}

// startDevServer starts the dev server in this process.
func startDevServer(ctx context.Context, ca *authority) (*vault, error) {
	return serveDev(ctx, dev.New(dev.Options{}), ca)
}

func serveDev(ctx context.Context, server *dev.Server, ca *authority) (*vault, error) {
	cert, key, err := ca.issue("the demonstration")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	options := dev.ListenOptions{Address: preferredVault, TLS: true, ClientCA: ca.pem}
	// The server stops after the other parts, not with ctx: they need it while they
	// stop.
	listener, err := server.Start(context.WithoutCancel(ctx), options)
	if errors.Is(err, syscall.EADDRINUSE) {
		options.Address = ""
		listener, err = server.Start(context.WithoutCancel(ctx), options)
	}
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(listener.CA), Certificates: []tls.Certificate{pair}}}
	v := &vault{name: "certagent's dev server", url: listener.URL, ca: listener.CA}
	v.stop = func() error {
		transport.CloseIdleConnections()
		return listener.Close()
	}
	v.client, err = api.NewClient(&api.Config{Address: listener.URL, HttpClient: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		return nil, errors.Join(err, v.stop())
	}
	v.client.SetToken(server.RootToken())
	v.client.ClearNamespace() // VAULT_NAMESPACE is meant for another Vault
	return v, nil
}

// seed creates the PKI and the agent's login.
func (v *vault) seed(ctx context.Context, ca *authority) (seed.Credentials, error) {
	if err := seed.Engine(ctx, v.client, "pki", "pki", nil); err != nil {
		return seed.Credentials{}, err
	}
	bundle, err := ca.bundle()
	if err != nil {
		return seed.Credentials{}, err
	}
	role := seed.Params{"allow_any_name": true, "enforce_hostnames": false, "key_type": "ec", "key_bits": 256, "max_ttl": "1h"}
	for path, body := range map[string]seed.Params{
		"pki/config/ca":    {"pem_bundle": bundle},
		"pki/roles/web":    role,
		"pki/roles/client": role,
	} {
		if _, err := v.client.Logical().WriteWithContext(ctx, path, body); err != nil {
			return seed.Credentials{}, fmt.Errorf("writing %s: %w", path, err)
		}
	}
	const policy = `
path "pki/issue/*" { capabilities = ["create", "update"] }
path "pki/sign/*"  { capabilities = ["create", "update"] }`
	if err := seed.Policy(ctx, v.client, "agent", policy); err != nil {
		return seed.Credentials{}, err
	}
	return seed.AppRole{Role: "agent", Params: seed.Params{"token_policies": "agent", "token_ttl": "1h"}}.Apply(ctx, v.client)
}
