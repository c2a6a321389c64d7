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

// shortTTL is the certificates' life when rotations are watched.
const shortTTL = "3s"

// sighting is what a reader saw.
type sighting struct {
	generations int // different certificates
	mismatched  int // different pairs whose key was another certificate's
	reloads     int // commands that the agent ran
}

// watch reads a certificate and its key by their paths, as a server does that
// starts or reloads, again and again without pause, over so many rotations.
func (b *bench) watch(ctx context.Context, a agent) (sighting, error) {
	dir, err := os.MkdirTemp(b.dir, "watch-")
	if err != nil {
		return sighting{}, err
	}
	j, reloads, err := newReloadingJob(b.server.facts, dir)
	if err != nil {
		return sighting{}, err
	}
	cmd, err := a.command(j)
	if err != nil {
		return sighting{}, err
	}
	p, err := startProcess(cmd, b.verbose)
	if err != nil {
		return sighting{}, err
	}
	defer p.stop()
	if err := p.awaitFiles(ctx, j.files()); err != nil {
		return sighting{}, err
	}
	s, err := j.Certificates[0].read(ctx, p, b.rotations+1)
	if err != nil {
		return s, err
	}
	if err := pause(ctx, time.Second); err != nil { // the last rotation's commands
		return s, err
	}
	text, err := os.ReadFile(reloads)
	s.reloads = strings.Count(string(text), "\n")
	return s, err
}

// newReloadingJob makes a job of one short-lived certificate whose templates run
// a command that adds a line to a file.
func newReloadingJob(f facts, dir string) (j job, reloads string, err error) {
	if j, err = newJob(f, dir, 1, shortTTL, false); err != nil {
		return j, "", err
	}
	reloads = filepath.Join(dir, "reloads")
	j.Command = filepath.Join(dir, "reload")
	return j, reloads, os.WriteFile(j.Command, []byte("#!/bin/sh\necho reload >> "+reloads+"\n"), 0o755)
}

// read reads the pair without pause until it has seen so many generations.
func (c certificate) read(ctx context.Context, p *process, generations int) (sighting, error) {
	var s sighting
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

// pair returns an error unless certificate and key are there and fit.
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
