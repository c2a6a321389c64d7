// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/bundle"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/sinks"
)

// assembly is the agent with all parts made and none started.
type assembly struct {
	*Agent
	host        string // tells hosts apart
	client      *api.Client
	watcher     *watch.Watcher
	store       *secrets.Store
	login       *auth.Loop
	credentials *watch.Subscription
	sinks       []*tokenSink
	children    *children

	members   *bundle.Members
	env       *bundle.Env
	claims    sinks.Claim
	adopter   bundle.Adopter
	bundles   *bundles
	progress  *progress
	board     *statusBoard
	end       *end
	announced chan struct{} // closed once the log says that everything is published

	noLogin     sync.Once
	loginFailed chan struct{} // closed by noLogin at the first login that fails
	fail        func(error)   // ends the agent with that error
}

// assemble makes the parts. cancel is called with the error that ends the agent.
func (a *Agent) assemble(members *bundle.Members, cancel context.CancelCauseFunc) (*assembly, error) {
	r := &assembly{
		Agent:       a,
		watcher:     watch.New(a.Logger, watch.Options{NoEvents: a.bubble != nil}),
		members:     members,
		progress:    newProgress(members.Next()),
		board:       newStatusBoard(),
		announced:   make(chan struct{}),
		loginFailed: make(chan struct{}),
		fail:        func(err error) { cancel(exitFailure(err)) },
	}
	r.bundles = newBundles(r.board)
	r.host, _ = os.Hostname() // the seed of a host without a name is the certificate's alone
	var err error
	if r.client, err = client.New(a.clientConfig()); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	if err := r.assembleLogin(); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	r.store = secrets.New(a.secretsConfig(r))
	for _, s := range a.Config.AutoAuth.Sinks {
		r.sinks = append(r.sinks, newTokenSink(s, r.client, a.Logger))
	}
	if err := r.assembleChildren(); err != nil {
		return nil, err
	}
	r.env = r.bundleEnv()
	return r, nil
}

// bundleEnv returns what the bundles share.
func (r *assembly) bundleEnv() *bundle.Env {
	return &bundle.Env{
		Log:                r.Logger,
		Host:               r.host,
		Store:              r.store,
		Watcher:            r.watcher,
		Children:           r.children,
		Claims:             &r.claims,
		Progress:           r.progress,
		Report:             r.board.put,
		Fail:               r.fail,
		LoginFailed:        r.loginFailed,
		LoginError:         r.board.loginFailure,
		CommandEnv:         commandEnv(r.Config.Vault),
		Hide:               r.known.Hide,
		DiskInterval:       cmp.Or(r.DiskInterval, 30*time.Second),
		OneShot:            r.Config.ExitAfterAuth,
		ExitOnRetryFailure: r.Config.TemplateConfig.ExitOnRetryFailure,
		Retries:            max(r.Config.Vault.NumRetries, 0),
	}
}

func (a *Agent) clientConfig() client.Config {
	return client.Config{
		Vault:             a.Config.Vault.Vault,
		MaxConnsPerHost:   a.Config.TemplateConfig.MaxConnectionsPerHost,
		Transport:         a.bubble,
		DisableIdle:       slices.Contains(a.Config.DisableIdleConnections, "templating"),
		DisableKeepAlives: slices.Contains(a.Config.DisableKeepAlives, "templating"),
		UserAgent:         a.UserAgent,
		Known:             a.known,
		Clock:             a.clock,
		Logger:            a.Logger,
	}
}

func (a *Agent) secretsConfig(r *assembly) secrets.Config {
	t := a.Config.TemplateConfig
	return secrets.Config{
		Client:         r.client,
		Threshold:      t.LeaseRenewalThreshold,
		StaticInterval: t.StaticSecretRenderInterval,
		Concurrency:    t.MaxConnectionsPerHost,
		Retries:        a.Config.Vault.NumRetries,
		MinBackoff:     a.Config.AutoAuth.Method.MinBackoff,
		MaxBackoff:     a.Config.AutoAuth.Method.MaxBackoff,
		Seed:           r.host,
		InvalidToken:   r.login.Invalidate,
		TokenServed:    r.login.Served,
		Adopt:          r.adopter.Adopt,
		Clock:          a.clock,
		Logger:         a.Logger,
	}
}

// commandEnv returns what Vault Agent adds to a command's environment.
func commandEnv(v config.Vault) []string {
	env := []string{"VAULT_ADDR=" + v.Address}
	if v.CACert != "" {
		env = append(env, "VAULT_CACERT="+v.CACert)
	}
	if v.TLSSkipVerify {
		env = append(env, "VAULT_SKIP_VERIFY=true")
	}
	return env
}
