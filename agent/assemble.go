// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"cmp"
	"context"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
)

// assembly is the agent with all parts made and none started.
type assembly struct {
	*Agent
	*parts
	client      *api.Client
	login       *auth.Loop
	credentials *watch.Subscription
	sinks       []*tokenSink
	members     *members
	claims      claims
	bundles     *bundles
	adopter     adopter
	announced   chan struct{} // closed once it was said that everything is published
}

// assemble makes the parts.
func (a *Agent) assemble(cancel context.CancelCauseFunc) (*assembly, error) {
	r := &assembly{Agent: a, announced: make(chan struct{})}
	var err error
	if r.members, err = newMembers(a.Config, 0); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	host, _ := os.Hostname() // without a name the seed is what it is drawn for alone
	if r.client, err = client.New(a.clientConfig()); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	r.parts = &parts{
		log:          a.Logger,
		host:         host,
		watcher:      watch.New(a.Logger, watch.Options{}),
		progress:     newProgress(r.members.count),
		board:        newBoard(),
		publishing:   make(chan struct{}, concurrentPublishes),
		commandEnv:   commandEnv(a.Config.Vault),
		giveUp:       a.Config.TemplateConfig.ExitOnRetryFailure,
		retries:      max(a.Config.Vault.NumRetries, 0),
		diskInterval: cmp.Or(a.DiskInterval, 30*time.Second),
		cancelCause:  cancel,
	}
	r.vault.init()
	r.bundles = newBundles()
	r.claims.paths = make(map[string]bool)
	if err := r.assembleLogin(); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	r.store = secrets.New(a.secretsConfig(r))
	for _, s := range a.Config.AutoAuth.Sinks {
		r.sinks = append(r.sinks, newTokenSink(s, r.client, a.Logger))
	}
	return r, r.assembleChildren()
}

func (a *Agent) clientConfig() client.Config {
	v := a.Config.Vault
	return client.Config{
		Address: v.Address, CACert: v.CACert, CAPath: v.CAPath, ClientCert: v.ClientCert, ClientKey: v.ClientKey,
		TLSServerName: v.TLSServerName, TLSSkipVerify: v.TLSSkipVerify, Namespace: v.Namespace,
		MaxConnsPerHost:   a.Config.TemplateConfig.MaxConnectionsPerHost,
		DisableIdle:       slices.Contains(a.Config.DisableIdleConnections, "templating"),
		DisableKeepAlives: slices.Contains(a.Config.DisableKeepAlives, "templating"),
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
		Adopt:          r.adopter.adopt,
		Logger:         a.Logger,
	}
}

// commandEnv is what Vault Agent adds to a command's environment.
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
