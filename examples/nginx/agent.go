// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/certagent/certagent/examples/internal/stage"
)

func (d *demo) findCertagent(ctx context.Context) error { return d.Certagent(ctx, d.certagent) }

// startAgent starts certagent. It may be called again after the process has exited.
func (d *demo) startAgent(context.Context) (err error) {
	d.agent, err = d.Start(d.form.config, nil, nil)
	return err
}

// waitForFiles waits until every file of the configuration is there, because nginx
// does not start without them.
func (d *demo) waitForFiles(ctx context.Context) error {
	return d.await(ctx, d.agent, "certificates", func() error {
		_, err := os.Stat(d.Path("tls/ca.crt"))
		_, pair := tls.LoadX509KeyPair(d.Path("tls/tls.crt"), d.Path("tls/tls.key"))
		_, client := loadCombined(d.Path("client/client.pem"))
		return errors.Join(err, pair, client)
	})
}

// loadCombined reads a certificate and its key from one file. One read returns a
// matching pair.
func loadCombined(path string) (*tls.Certificate, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(text, text)
	return &pair, err
}

// await waits until a condition returns no error. It fails if the process that should
// cause the condition exits.
func (d *demo) await(ctx context.Context, p *stage.Process, what string, condition func() error) error {
	deadline := time.Now().Add(startTimeout)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.Ended():
			return p.Failure()
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waiting for %s: %w", what, err)
		}
	}
}
