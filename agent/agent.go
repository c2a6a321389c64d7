// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package agent puts the parts together: it logs in to Vault, renders what the
// configuration asks for as bundles, publishes each, makes its consumers pick
// it up, and supervises the child.
//
// Each bundle is an independent state machine with a goroutine of its own (see
// bundle.go); everything else here starts the parts and ends them in order. The
// package decides nothing: package plan does.
package agent

import (
	"cmp"
	"context"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/auth"
	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/agent/watch"
	"github.com/certagent/certagent/exec"
)

// Agent is what one run of the agent depends on.
type Agent struct {
	Config *config.Config // required
	Logger *slog.Logger   // required

	// Stdin, Stdout and Stderr are the child's; nil is the null device.
	Stdin, Stdout, Stderr *os.File

	// Hurry, when closed, cuts short the time that the child gets to stop.
	Hurry <-chan struct{}

	// DiskInterval is how often published files are looked at for what somebody
	// else did to them; 0 means 30 s.
	DiskInterval time.Duration

	// Ready is called once, when every bundle is published; nil is not called.
	Ready func()
}

// Run runs the agent until ctx ends, which is a clean stop: nil. Otherwise it
// ends with nil when exit_after_auth is set and everything is done, with a
// *ChildExit when the child has ended, and with a *Failure when the agent was
// told to give up. All that it started has ended when it returns.
func (a *Agent) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	r, err := a.assemble(cancel)
	if err != nil {
		return err
	}
	return r.run(ctx)
}

// assembly is the agent with all parts made and none started.
type assembly struct {
	*Agent
	*parts
	client      *api.Client
	login       *auth.Loop
	credentials *watch.Subscription
	sinks       []*tokenSink
	members     []*member
	adopter     adopter
}

// assemble makes the parts.
func (a *Agent) assemble(cancel context.CancelCauseFunc) (*assembly, error) {
	r := &assembly{Agent: a, members: newMembers(a.Config)}
	var err error
	if r.client, err = client.New(a.clientConfig()); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	r.parts = &parts{
		log:          a.Logger,
		watcher:      watch.New(a.Logger, watch.Options{}),
		progress:     newProgress(len(r.members)),
		publishing:   make(chan struct{}, concurrentPublishes),
		commandEnv:   commandEnv(a.Config.Vault),
		giveUp:       a.Config.TemplateConfig.ExitOnRetryFailure,
		retries:      max(a.Config.Vault.NumRetries, 0),
		diskInterval: cmp.Or(a.DiskInterval, 30*time.Second),
		cancelCause:  cancel,
	}
	r.vault.init()
	if err := r.assembleLogin(); err != nil {
		return nil, &Failure{Code: ExitConfig, Err: err}
	}
	r.store = secrets.New(a.secretsConfig(r))
	for _, s := range a.Config.AutoAuth.Sinks {
		r.sinks = append(r.sinks, newTokenSink(s, r.client, a.Logger))
	}
	return r, r.assembleChild()
}

func newMembers(cfg *config.Config) []*member {
	var members []*member
	for _, t := range cfg.Templates {
		members = append(members, newFileMember(len(members), t))
	}
	for _, t := range cfg.EnvTemplates {
		members = append(members, newVariableMember(len(members), t, cfg.Exec.Restart))
	}
	return members
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
		Failed:                 func(error) { r.vault.noteFailure() },
		Logger:                 r.Logger,
	}
	return nil
}

// deliver hands a new token to those who need it. Nothing is rebuilt: what is
// valid stays valid.
func (r *assembly) deliver(t auth.Token) {
	if !t.Wrapped {
		r.store.Authenticated(t.Value)
	}
	for _, s := range r.sinks {
		s.deliver(t)
	}
}

func (a *Agent) secretsConfig(r *assembly) secrets.Config {
	host, _ := os.Hostname() // without a name the seed is the destinations alone
	t := a.Config.TemplateConfig
	return secrets.Config{
		Client:         r.client,
		Threshold:      t.LeaseRenewalThreshold,
		StaticInterval: t.StaticSecretRenderInterval,
		Concurrency:    t.MaxConnectionsPerHost,
		Retries:        a.Config.Vault.NumRetries,
		MinBackoff:     a.Config.AutoAuth.Method.MinBackoff,
		MaxBackoff:     a.Config.AutoAuth.Method.MaxBackoff,
		Seed:           host,
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

// assembleChild makes the supervisor, if there is an exec block.
func (r *assembly) assembleChild() error {
	cfg := r.Config.Exec
	if cfg == nil {
		return nil
	}
	stdout, err := openOutput(cfg.Stdout, r.Stdout)
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	stderr, err := openOutput(cfg.Stderr, r.Stderr)
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	r.child = newSupervisor(*cfg, exec.NewChild(exec.ChildConfig{
		Command:     cfg.Command,
		StopSignal:  cfg.StopSignal,
		StopGroup:   len(cfg.Command) == 3 && cfg.Command[0] == "sh" && cfg.Command[1] == "-c", // as Vault Agent does
		KillTimeout: cfg.KillTimeout,
		Stdin:       r.Stdin,
		Stdout:      stdout,
		Stderr:      stderr,
		Logger:      r.Logger,
	}), r.Logger)
	return nil
}

// openOutput opens the file that the child's output is appended to, or returns
// the standard one. It stays open until the process ends.
func openOutput(path string, standard *os.File) (*os.File, error) {
	if path == "" {
		return standard, nil
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}
