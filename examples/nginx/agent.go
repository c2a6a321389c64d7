// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// buildCertagent builds the program, unless there is one to show.
func (d *demo) buildCertagent(ctx context.Context) error {
	if d.certagent != "" {
		return nil
	}
	d.certagent = d.path("bin/certagent")
	build := exec.CommandContext(ctx, "go", "build", "-o", d.certagent, "github.com/certagent/certagent/cmd/certagent")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building certagent: %w\n%s", err, output)
	}
	return nil
}

// startAgent starts certagent. It may be called again when the process has
// ended.
func (d *demo) startAgent(context.Context) (err error) {
	d.agent, err = startProcess("certagent", d.dir, d.path("certagent.log"), d.certagent, "agent", "-config=agent.hcl")
	if err != nil {
		return err
	}
	agent := d.agent
	d.onClose(func() error { return agent.stop(syscall.SIGTERM) })
	return nil
}

// waitForFiles waits until all that agent.hcl names is there: nginx does not
// start without its files.
func (d *demo) waitForFiles(ctx context.Context) error {
	return d.await(ctx, d.agent, "certificates", func() error {
		_, err := os.Stat(d.path("tls/ca.crt"))
		_, pair := tls.LoadX509KeyPair(d.path("tls/tls.crt"), d.path("tls/tls.key"))
		_, client := loadCombined(d.path("client/client.pem"))
		return errors.Join(err, pair, client)
	})
}

// loadCombined reads a certificate and its key from one file: one look at it
// gets a pair that fits.
func loadCombined(path string) (*tls.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	return &pair, err
}

// await waits until a condition has no error any more. It gives up when the
// process that is to bring it about has ended.
func (d *demo) await(ctx context.Context, p *process, what string, condition func() error) error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return p.failure()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}
