// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev"
)

// Vault is a dev server in this process.
type Vault struct {
	Server *dev.Server
	URL    string
	Client *api.Client // with the root token
}

// Vault starts a dev server on a free loopback port.
func (s *Stage) Vault(ctx context.Context) (*Vault, error) {
	v := &Vault{Server: dev.New(dev.Options{})}
	// It stops with the stage, not with ctx: the processes use it until they exit.
	listener, err := v.Server.Start(context.WithoutCancel(ctx), dev.ListenOptions{})
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{}
	s.OnClose(func() error {
		transport.CloseIdleConnections()
		return listener.Close()
	})
	v.URL = listener.URL
	v.Client, err = api.NewClient(&api.Config{Address: v.URL, HttpClient: &http.Client{Transport: transport, Timeout: time.Minute}})
	if err != nil {
		return nil, fmt.Errorf("creating a client of the dev server: %w", err)
	}
	v.Client.SetToken(v.Server.RootToken())
	v.Client.ClearNamespace() // VAULT_NAMESPACE is meant for another Vault
	return v, nil
}
