// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// shortTTL is the TTL of certificates whose rotations are measured.
const shortTTL = "3s"

// rotationResult counts what a reader saw.
type rotationResult struct {
	generations int // different certificates
	mismatched  int // different pairs whose key does not match
	reloads     int // runs of the command
}

// watchRotations reads a certificate and its key continuously by their paths, as a
// server does at a reload, until the certificate has been rotated often enough.
func (b *bench) watchRotations(ctx context.Context, a agent) (rotationResult, error) {
	dir, err := os.MkdirTemp(b.dir, "watch-")
	if err != nil {
		return rotationResult{}, err
	}
	j, reloads, err := newReloadingJob(b.server.serverInfo, dir)
	if err != nil {
		return rotationResult{}, err
	}
	cmd, err := a.command(j)
	if err != nil {
		return rotationResult{}, err
	}
	p, err := startProcess(cmd, b.verbose)
	if err != nil {
		return rotationResult{}, err
	}
	defer p.stop()
	if err := p.awaitFiles(ctx, j.files()); err != nil {
		return rotationResult{}, err
	}
	s, err := j.Certificates[0].read(ctx, p, b.rotations+1)
	if err != nil {
		return s, err
	}
	if err := sleep(ctx, time.Second); err != nil { // for the commands of the last rotation
		return s, err
	}
	text, err := os.ReadFile(reloads)
	s.reloads = strings.Count(string(text), "\n")
	return s, err
}

// newReloadingJob returns a job for one short-lived certificate. Its templates run
// a command that appends a line to a file.
func newReloadingJob(f serverInfo, dir string) (j job, reloads string, err error) {
	if j, err = newJob(f, dir, 1, shortTTL, false); err != nil {
		return j, "", err
	}
	reloads = filepath.Join(dir, "reloads")
	j.Command = filepath.Join(dir, "reload")
	return j, reloads, os.WriteFile(j.Command, []byte("#!/bin/sh\necho reload >> "+reloads+"\n"), 0o755)
}

// read reads the pair continuously until it has seen the given number of
// generations.
func (c certificate) read(ctx context.Context, p *process, generations int) (rotationResult, error) {
	var s rotationResult
	certs, bad := map[string]bool{}, map[string]bool{}
	last := ""
	for len(certs) < generations {
		if err := p.running(); err != nil {
			return s, err
		}
		if err := ctx.Err(); err != nil {
			return s, err
		}
		cert, key, err := c.contents()
		if err != nil {
			return s, err
		}
		if seen := string(cert) + string(key); seen != last {
			last = seen
			certs[string(cert)] = true
			if _, err := tls.X509KeyPair(cert, key); err != nil {
				bad[seen] = true
			}
		}
	}
	s.generations, s.mismatched = len(certs), len(bad)
	return s, nil
}

func (c certificate) contents() (cert, key []byte, err error) {
	if cert, err = os.ReadFile(c.Cert); err != nil {
		return nil, nil, err
	}
	key, err = os.ReadFile(c.Key)
	return cert, key, err
}

// pair returns an error unless the certificate and the key exist and match.
func (c certificate) pair() (tls.Certificate, error) {
	cert, key, err := c.contents()
	if err != nil {
		return tls.Certificate{}, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return pair, fmt.Errorf("certificate and key: %w", err)
	}
	return pair, nil
}
