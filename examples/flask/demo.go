// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"github.com/certagent/certagent/examples/internal/stage"
)

//go:embed agent-a.hcl agent-b.hcl service.py client.py
var files embed.FS

// python is Debian's interpreter, the only one that its python3-flask works with.
const python = "/usr/bin/python3"

// demo is one run. The first block of fields holds its dependencies.
type demo struct {
	certagent string // the program; "" finds or builds it
	rotations int    // of each service, after which the run ends; 0 is no limit
	observe   func(event)

	*stage.Stage
	vault  *stage.Vault
	ports  map[string]int // of the services, by name
	agents map[string]*stage.Process
	events chan event
}

// run runs the demonstration until ctx ends, which is no error, or a part fails.
func (d *demo) run(ctx context.Context) (err error) {
	if err := checkFlask(ctx, python); err != nil {
		return err
	}
	if d.Stage, err = stage.New("flask", files); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.end()) }()
	if err = d.start(ctx); err == nil {
		err = d.watch(ctx)
	}
	if ctx.Err() != nil {
		return nil // the end of ctx is the cause of any failure
	}
	return err
}

func checkFlask(ctx context.Context, python string) error {
	if output, err := exec.CommandContext(ctx, python, "-c", "import flask").CombinedOutput(); err != nil {
		return fmt.Errorf("%s has no Flask (install Debian's python3-flask: scripts/install flask): %w\n%s", python, err, output)
	}
	return nil
}

// start starts Vault and both agents.
func (d *demo) start(ctx context.Context) (err error) {
	if err := d.Certagent(ctx, d.certagent); err != nil {
		return err
	}
	if d.vault, err = d.Vault(ctx); err != nil {
		return err
	}
	if err := seedVault(ctx, d.vault.Client, d.Dir); err != nil {
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	d.ports = map[string]int{"a": ports[0], "b": ports[1]}
	d.events = make(chan event)
	d.agents = make(map[string]*stage.Process)
	for name, peer := range map[string]string{"a": "b", "b": "a"} {
		env := []string{"VAULT_ADDR=" + d.vault.URL, fmt.Sprint("PORT=", d.ports[name]), fmt.Sprint("PEER=", d.ports[peer])}
		d.agents[name], err = d.Start("agent-"+name+".hcl", env, d.hear)
		if err != nil {
			return err
		}
	}
	return nil
}

// hear parses a line that a service printed.
func (d *demo) hear(line string) {
	var e event
	if err := json.Unmarshal([]byte(line), &e); err != nil {
		e = event{Event: "printed", Error: line}
	}
	d.events <- e
}

// watch passes events to observe until ctx ends, an agent exits, or the last rotation
// is done.
func (d *demo) watch(ctx context.Context) error {
	starts := make(map[string]int)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.agents["a"].Ended():
			return d.agents["a"].Failure()
		case <-d.agents["b"].Ended():
			return d.agents["b"].Failure()
		case e := <-d.events:
			d.observe(e)
			if e.Event == started {
				starts[e.Service]++
			}
			// The first start is not a rotation.
			if d.rotations > 0 && min(starts["a"], starts["b"]) > d.rotations {
				return nil
			}
		}
	}
}

// end stops everything. A service needs the other one to finish its call, so both
// agents get the signal before end waits for one.
func (d *demo) end() error {
	closed := make(chan error)
	go func() {
		for _, agent := range d.agents {
			agent.Terminate()
		}
		closed <- d.Close()
	}()
	for {
		select {
		case err := <-closed:
			return err
		case e := <-d.events:
			d.observe(e)
		}
	}
}
