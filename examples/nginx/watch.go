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
	"strings"
	"time"

	"github.com/certagent/certagent/probe"
)

const (
	pollInterval = 20 * time.Millisecond
	// serveTimeout is how long after a rotation the old certificate may still be
	// served before the live view says so.
	serveTimeout = 3 * time.Second
)

// rotation is one line of the live view.
type rotation struct {
	number       int // 0 is the certificate with which the server started
	at           time.Time
	disk, served *x509.Certificate
	reloads      int
}

// watch shows a line for each rotation until ctx ends, so many have been seen,
// or a part of the demonstration fails.
func (d *demo) watch(ctx context.Context) error {
	fmt.Fprintf(d.out, "%8s  %-8s  %-14s  %-14s  %-11s  %8s  %6s  %7s\n",
		"rotation", "time", "serial on disk", "serial served", "valid until", "requests", "failed", "reloads")
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

func (d *demo) show(r rotation) {
	fmt.Fprintf(d.out, "%8d  %-8s  %-14s  %-14s  %-11s  %8d  %6d  %7d\n",
		r.number, r.at.Format(time.TimeOnly), serial(r.disk), serial(r.served), r.disk.NotAfter.Local().Format(time.TimeOnly),
		d.traffic.requests.Load(), d.traffic.failed.Load(), r.reloads)
}

// nextRotation waits until another certificate is on disk and, for a while,
// until it is served.
func (d *demo) nextRotation(ctx context.Context, seen rotation) (rotation, error) {
	next := rotation{number: seen.number + 1}
	for {
		disk, err := d.onDisk()
		if err != nil {
			return next, err
		}
		if seen.disk == nil || !disk.Equal(seen.disk) {
			if next.disk == nil || !next.disk.Equal(disk) {
				next.disk, next.at = disk, time.Now()
			}
			if next.served, err = probe.Leaf(ctx, probe.Target{Address: d.listen}); err != nil {
				return next, err
			}
			if next.served.Equal(disk) || time.Since(next.at) > serveTimeout {
				next.reloads = d.reloads()
				return next, nil
			}
		}
		if err := d.pause(ctx); err != nil {
			return next, err
		}
	}
}

// pause waits a moment, or until something has ended that should not.
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

// onDisk returns the certificate that is published.
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

// serial is the beginning of a serial number, as Vault writes it.
func serial(c *x509.Certificate) string {
	digits := hex.EncodeToString(c.SerialNumber.Bytes())
	var pairs []string
	for i := 0; i+2 <= len(digits) && i < 8; i += 2 {
		pairs = append(pairs, digits[i:i+2])
	}
	return strings.Join(pairs, ":") + "…"
}
