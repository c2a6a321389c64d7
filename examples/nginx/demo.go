// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/certagent/certagent/examples/internal/stage"
)

//go:embed agent.hcl bundle.hcl nginx.conf
var configFiles embed.FS

// The addresses in the configuration files. If one is taken, the copies of the files
// get another one.
const (
	preferredListen = "127.0.0.1:8443"
	preferredVault  = "127.0.0.1:8200"
)

// startTimeout is how long each part may take to start.
const startTimeout = time.Minute

// demo is one run. The first block of fields holds its dependencies.
type demo struct {
	certagent  string        // the program; "" finds or builds it
	nginx      string        // the program; "" is the built-in server
	form       form          // how certagent is configured
	patience   time.Duration // how long a rotation may take before it is shown unfinished
	listen     string        // nginx's address; another port if it is taken
	clients    int
	rotations  int      // after which the run ends; 0 is no limit
	edits      []string // pairs of old and new text, for the configuration files
	startVault func(ctx context.Context, ca *authority) (*vault, error)
	out        io.Writer

	*stage.Stage
	ca      *authority
	vault   *vault
	agent   *stage.Process
	server  *stage.Process
	traffic *traffic
	story   story
}

// run runs the demonstration until ctx ends, which is no error, or a part fails.
func (d *demo) run(ctx context.Context) (err error) {
	if d.Stage, err = stage.New("nginx", configFiles); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	err = d.start(ctx)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	return d.watch(ctx)
}

// start starts every part, and returns when the clients send requests.
func (d *demo) start(ctx context.Context) error {
	d.story = story{path: d.Path(d.form.config + ".log"), bundle: d.form.bundle}
	for _, step := range []func(context.Context) error{
		d.makeDirectories,
		d.findCertagent,
		d.startUpstream,
		d.writeConfig,
		d.startAgent,
		d.waitForFiles,
		d.startServer,
		d.introduce,
		d.startTraffic,
	} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) makeDirectories(context.Context) error {
	for _, name := range []string{"vault", "tls", "client", "tmp"} {
		if err := os.Mkdir(d.Path(name), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// startUpstream starts Vault and writes the files that the agent needs to reach it.
func (d *demo) startUpstream(ctx context.Context) (err error) {
	if d.ca, err = newAuthority(); err != nil {
		return err
	}
	if d.vault, err = d.startVault(ctx, d.ca); err != nil {
		return fmt.Errorf("starting Vault: %w", err)
	}
	d.OnClose(d.vault.stop)
	credentials, err := d.vault.seed(ctx, d.ca)
	if err != nil {
		return err
	}
	cert, key, err := d.ca.issue("certagent")
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"ca.crt": d.vault.ca, "agent.crt": cert, "agent.key": key} {
		if err := d.Write("vault/"+name, string(content)); err != nil {
			return err
		}
	}
	_, _, err = credentials.Write(d.Path("vault"))
	return err
}

// writeConfig writes the configuration files with the addresses and programs of this
// run.
func (d *demo) writeConfig(context.Context) (err error) {
	if d.listen, err = freeAddress(d.listen); err != nil {
		return err
	}
	check, err := d.checkCommand()
	if err != nil {
		return err
	}
	edits := append([]string{"https://" + preferredVault, d.vault.url, preferredListen, d.listen, preferredCheck, check}, d.edits...)
	for _, name := range []string{"agent.hcl", "bundle.hcl", "nginx.conf"} {
		text, err := configFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if err := d.Write(name, strings.NewReplacer(edits...).Replace(string(text))); err != nil {
			return err
		}
	}
	return nil
}

func (d *demo) introduce(context.Context) error {
	fmt.Fprintf(d.out, "vault      %s, %s\n", d.vault.url, d.vault.name)
	fmt.Fprintf(d.out, "certagent  process %d, files in %s\n", d.agent.PID(), d.Dir)
	fmt.Fprintf(d.out, "%-9s  https://%s, process %d%s\n", d.serverName(), d.listen, d.server.PID(), d.serverNote())
	fmt.Fprintf(d.out, "client     %d, opening a new mutual TLS connection for each request to vault\n\n", d.clients)
	return nil
}
