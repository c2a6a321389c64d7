// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	_ "embed"
	"flag"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"text/template"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/dev"
	"github.com/certagent/certagent/dev/seed"
)

// devOptions are the flags of "certagent dev".
type devOptions struct {
	listen, rootToken, dir string
	tls                    bool
}

// runDev implements "certagent dev".
func runDev(args []string, s streams) int {
	var o devOptions
	flags := flag.NewFlagSet("dev", flag.ContinueOnError)
	flags.StringVar(&o.listen, "listen", "127.0.0.1:8200", "")
	flags.StringVar(&o.rootToken, "root-token", "", "")
	flags.StringVar(&o.dir, "dir", "", "")
	flags.BoolVar(&o.tls, "tls", false, "")
	if code, ok := parse(flags, args, s, usageDev); !ok {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := o.serve(ctx, s); err != nil {
		complain(s.err, err.Error(), "certagent dev -h lists the flags, among them -listen and -dir")
		return exitError
	}
	return exitOK
}

// serve runs the server until ctx ends.
func (o devOptions) serve(ctx context.Context, s streams) error {
	server := dev.New(dev.Options{RootToken: o.rootToken})
	listener, err := server.Start(context.WithoutCancel(ctx), dev.ListenOptions{Address: o.listen, TLS: o.tls})
	if err != nil {
		return err
	}
	defer listener.Close()
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "certagent-dev-"); err != nil {
			return err
		}
		defer os.RemoveAll(o.dir)
	}
	facts := devFacts{URL: listener.URL, Token: server.RootToken(), Dir: o.dir}
	if facts.CACert, err = o.writeCA(listener.CA); err != nil {
		return err
	}
	if err := facts.seed(ctx); err != nil {
		return err
	}
	if err := devHelp.Execute(lineWriter{s.out}, facts); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// writeCA writes the CA of the listener's certificate to a file and returns its path,
// or "" without TLS.
func (o devOptions) writeCA(ca []byte) (string, error) {
	if ca == nil {
		return "", nil
	}
	path := filepath.Join(o.dir, "ca.crt")
	return path, os.WriteFile(path, ca, 0o644)
}

// devFacts are what the help text and the configuration of the dev server need.
type devFacts struct{ URL, Token, Dir, CACert string }

var (
	//go:embed dev_help.txt
	devHelpText string
	devHelp     = template.Must(template.New("help").Parse(devHelpText))
	//go:embed dev_agent.hcl
	devConfigText string
	devConfig     = template.Must(template.New("agent.hcl").Delims("<<", ">>").Parse(devConfigText))
)

// seed fills the server and writes the files to try it.
func (f devFacts) seed(ctx context.Context) error {
	cfg := api.DefaultConfig()
	cfg.Address = f.URL
	if f.CACert != "" {
		if err := cfg.ConfigureTLS(&api.TLSConfig{CACert: f.CACert}); err != nil {
			return err
		}
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return err
	}
	client.SetToken(f.Token)
	client.ClearNamespace()
	pki := seed.PKI{CommonName: "certagent dev CA", Roles: map[string]seed.Params{
		"web": {"allow_any_name": true, "enforce_hostnames": false, "ttl": "20s", "max_ttl": "24h"},
	}}
	if _, err := pki.Apply(ctx, client); err != nil {
		return err
	}
	const policy = `
path "pki/issue/web" { capabilities = ["create", "update"] }
path "pki/sign/web"  { capabilities = ["create", "update"] }
path "secret/*"      { capabilities = ["read", "list"] }
`
	if err := seed.Policy(ctx, client, "agent", policy); err != nil {
		return err
	}
	role := seed.AppRole{Role: "agent", Params: seed.Params{"token_policies": "agent", "token_ttl": "1h"}}
	credentials, err := role.Apply(ctx, client)
	if err != nil {
		return err
	}
	if _, _, err := credentials.Write(f.Dir); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(f.Dir, "agent.hcl"))
	if err != nil {
		return err
	}
	defer out.Close()
	return devConfig.Execute(out, f)
}
