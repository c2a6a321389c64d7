// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"embed"
	"errors"
	"time"

	"github.com/certagent/certagent/dev/seed"
	"github.com/certagent/certagent/examples/internal/stage"
)

//go:embed agent.hcl
var files embed.FS

// pause is how long the reader waits between two reads of the file.
const pause = 100 * time.Millisecond

// demo is one run. The first block of fields holds its dependencies.
type demo struct {
	certagent string       // the program; "" finds or builds it
	role      seed.Params  // of the API's tokens
	rotations int          // of the token, after which the run ends; 0 is no limit
	vault     *stage.Vault // nil starts the dev server
	observe   func(event)

	*stage.Stage
	agent *stage.Process
}

// run runs the demonstration until ctx ends, which is no error, or a part fails.
func (d *demo) run(ctx context.Context) (err error) {
	if d.Stage, err = stage.New("token", files); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if err = d.start(ctx); err == nil {
		err = d.watch(ctx)
	}
	if ctx.Err() != nil {
		return nil // the end of ctx is the cause of any failure
	}
	return err
}

// start starts Vault and the agent.
func (d *demo) start(ctx context.Context) (err error) {
	if err := d.Certagent(ctx, d.certagent); err != nil {
		return err
	}
	if d.vault == nil {
		if d.vault, err = d.Vault(ctx); err != nil {
			return err
		}
	}
	token, err := seedVault(ctx, d.vault.Client, d.role)
	if err != nil {
		return err
	}
	if err := d.Write("agent-token", token); err != nil {
		return err
	}
	d.agent, err = d.Start("agent.hcl", []string{"VAULT_ADDR=" + d.vault.URL}, func(string) {})
	return err
}

// watch reads the token until ctx ends, the agent exits, Vault rejects the token, or
// the command ran after the last rotation.
func (d *demo) watch(ctx context.Context) error {
	r := reader{demo: d}
	for {
		if err := r.look(ctx); err != nil {
			return err
		}
		// The first token is not a rotation.
		if d.rotations > 0 && r.commands > d.rotations {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.agent.Ended():
			return d.agent.Failure()
		case <-time.After(pause):
		}
	}
}
