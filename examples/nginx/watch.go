// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/certagent/certagent/probe"
)

const (
	pollInterval = 20 * time.Millisecond
	// serveTimeout is how long after a rotation the live view waits until the new
	// certificate is served and verified.
	serveTimeout = 3 * time.Second
)

// rotation is one line of the live view.
type rotation struct {
	number       int // 0 is the first certificate
	at           time.Time
	disk, served *x509.Certificate
	verified     bool // by certagent
	reloads      int
}

// watch shows a line for each rotation until ctx ends, the last rotation is done, or a
// part of the demonstration fails.
func (d *demo) watch(ctx context.Context) error {
	d.heading()
	seen := rotation{number: -1}
	for d.rotations == 0 || seen.number < d.rotations {
		next, err := d.nextRotation(ctx, seen)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return err
		}
		seen = next
		d.show(seen)
	}
	fmt.Fprintf(d.out, "\nstopping: %d rotations, %d requests, %d failed\n", max(seen.number, 0), d.traffic.requests.Load(), d.traffic.failed.Load())
	return d.traffic.failure()
}

// nextRotation waits until another certificate is on disk, and then for some time
// until it is served and, with verify, verified.
func (d *demo) nextRotation(ctx context.Context, seen rotation) (rotation, error) {
	next := rotation{number: seen.number + 1}
	for {
		if err := d.hear(); err != nil {
			return next, err
		}
		disk, err := d.onDisk()
		if err != nil {
			return next, err
		}
		if seen.disk != nil && disk.Equal(seen.disk) {
			next.disk = nil // a newer one was rolled back
		} else {
			if err := d.look(ctx, &next, disk); err != nil {
				return next, err
			}
			done := next.served.Equal(disk) && (next.verified || !d.form.proves)
			if done || time.Since(next.at) > d.patience {
				next.reloads = d.reloads()
				return next, nil
			}
		}
		if err := d.pause(ctx); err != nil {
			return next, err
		}
	}
}

// look updates a rotation: which certificate is served, and whether it is verified.
func (d *demo) look(ctx context.Context, r *rotation, disk *x509.Certificate) (err error) {
	if r.disk == nil || !r.disk.Equal(disk) {
		r.disk, r.served, r.at = disk, nil, time.Now()
	}
	if r.served == nil || !r.served.Equal(disk) {
		r.served, err = probe.Leaf(ctx, probe.Target{Address: d.listen})
	}
	r.verified = d.story.verified == serial(disk)
	return err
}

// pause waits for pollInterval, or fails if a process exits.
func (d *demo) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-d.agent.Ended():
		return d.agent.Failure()
	case <-d.server.Ended():
		return d.server.Failure()
	case <-time.After(pollInterval):
		return nil
	}
}

// onDisk returns the published certificate.
func (d *demo) onDisk() (*x509.Certificate, error) {
	text, err := os.ReadFile(d.Path("tls/tls.crt"))
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("tls.crt holds no certificate")
	}
	return x509.ParseCertificate(block.Bytes)
}

// serial returns a certificate's serial number in the form of Vault and certagent.
func serial(c *x509.Certificate) string {
	var pairs []string
	for octet := range slices.Chunk(c.SerialNumber.Bytes(), 1) {
		pairs = append(pairs, hex.EncodeToString(octet))
	}
	return strings.Join(pairs, ":")
}
