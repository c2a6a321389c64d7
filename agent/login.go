// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"log/slog"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/redact"
)

// newMethod returns the login method of the configuration.
func newMethod(m config.Method, log *slog.Logger) auth.Method {
	switch {
	case m.AppRole != nil:
		return &auth.AppRole{AppRole: *m.AppRole, MountPath: m.MountPath, Logger: log}
	case m.Cert != nil:
		return &auth.Cert{Cert: *m.Cert, MountPath: m.MountPath}
	case m.JWT != nil:
		return &auth.JWT{JWT: *m.JWT, MountPath: m.MountPath, Logger: log}
	case m.Kubernetes != nil:
		return &auth.Kubernetes{Kubernetes: *m.Kubernetes, MountPath: m.MountPath}
	default:
		return &auth.TokenFile{TokenFile: *m.TokenFile}
	}
}

// newLoginClient returns a client for a method that has a certificate of its own;
// nil for any other, which uses the agent's.
func newLoginClient(cfg client.Config, m config.Method) (*api.Client, error) {
	if m.Cert == nil || m.Cert.CACert == "" && m.Cert.ClientCert == "" {
		return nil, nil
	}
	cfg.CACert = cmp.Or(m.Cert.CACert, cfg.CACert)
	cfg.ClientCert = cmp.Or(m.Cert.ClientCert, cfg.ClientCert)
	cfg.ClientKey = cmp.Or(m.Cert.ClientKey, cfg.ClientKey)
	return client.New(cfg)
}

// assembleLogin makes the login loop.
func (r *assembly) assembleLogin() error {
	m := r.Config.AutoAuth.Method
	loginClient, err := newLoginClient(r.clientConfig(), m)
	if err != nil {
		return err
	}
	method := newMethod(m, r.Logger)
	r.credentials = r.watcher.Subscribe(method.Inputs())
	r.login = &auth.Loop{
		Method:                 method,
		Client:                 r.client,
		LoginClient:            loginClient,
		Namespace:              m.Namespace,
		WrapTTL:                m.WrapTTL,
		MinBackoff:             m.MinBackoff,
		MaxBackoff:             m.MaxBackoff,
		ExitOnErr:              m.ExitOnErr,
		Deliver:                r.deliver,
		NewCredentials:         r.credentials.C(),
		ReauthOnNewCredentials: r.Config.AutoAuth.ReauthOnNewCredentials,
		Failed:                 r.noteLoginFailed,
		Heartbeat:              r.board.beatLogin,
		Logger:                 r.Logger,
	}
	return nil
}

// noteLoginFailed reports a failed login to the bundles and the status.
func (r *assembly) noteLoginFailed(err error) {
	r.board.loggedIn(err) // first: who hears that there is no login asks why
	r.noLogin.Do(func() { close(r.loginFailed) })
}

// deliver gives a new token to the store of secrets and the token sinks. Secrets
// and certificates that are valid stay in use.
func (r *assembly) deliver(t auth.Token) {
	r.board.loggedIn(nil)
	r.known.Add(t.Value, redact.Secret(t.Accessor))
	if !t.Wrapped {
		r.store.Authenticated(t.Value)
	}
	for _, s := range r.sinks {
		s.deliver(t)
	}
}
