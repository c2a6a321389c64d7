// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
)

// The ways to read.
const (
	byPath     = "by path"
	byHandle   = "by directory handle"
	byCombined = "combined PEM"
)

// reader is a way to read a certificate and its key. Handle names the directory
// that has one generation.
type reader struct {
	name string
	read func(dir, handle string) (cert, key []byte, err error)
}

var readers = []reader{
	{byPath, readPaths},
	{byHandle, readHandle},
	{byCombined, readCombined},
}

// readPaths opens certificate and key by their names, one after the other, as a
// server does that is given two paths.
func readPaths(dir, _ string) (cert, key []byte, err error) {
	return certificate{Cert: filepath.Join(dir, certName), Key: filepath.Join(dir, keyName)}.contents()
}

// readHandle opens the directory once, and both files in what it opened.
func readHandle(dir, handle string) (cert, key []byte, err error) {
	root, err := os.OpenRoot(filepath.Join(dir, handle))
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	if cert, err = root.ReadFile(certName); err != nil {
		return nil, nil, err
	}
	key, err = root.ReadFile(keyName)
	return cert, key, err
}

// readCombined reads the one file that holds both.
func readCombined(dir, _ string) (cert, key []byte, err error) {
	both, err := os.ReadFile(filepath.Join(dir, combinedName))
	return both, both, err
}

// tally is what a reader found.
type tally struct {
	reads      int   // of certificate and key
	mismatches int   // of these, those with a key that is not the certificate's
	errors     int   // attempts at which a file could not be read
	last       error // of these
}

func (t tally) String() string {
	text := fmt.Sprintf("%d reads, %d mismatches, %d errors", t.reads, t.mismatches, t.errors)
	if t.last != nil {
		text += ", the last for this: " + t.last.Error()
	}
	return text
}

// watch reads without pause until ctx ends. After each time it offers to say so.
func (r reader) watch(ctx context.Context, dir, handle string, done chan<- struct{}) tally {
	var t tally
	known := pairs{}
	for ctx.Err() == nil {
		cert, key, err := r.read(dir, handle)
		t.count(known, cert, key, err)
		select {
		case done <- struct{}{}:
		default:
		}
	}
	return t
}

func (t *tally) count(known pairs, cert, key []byte, err error) {
	if err != nil {
		t.errors++
		t.last = err
		return
	}
	t.reads++
	if !known.match(cert, key) {
		t.mismatches++
	}
}

// pairs remembers which contents match, so that a reader reads and does not
// compute.
type pairs map[string]bool

// match reports whether the key is the certificate's. A file that is cut short
// holds neither.
func (p pairs) match(cert, key []byte) bool {
	both := string(cert) + "\x00" + string(key)
	matches, known := p[both]
	if !known {
		_, err := tls.X509KeyPair(cert, key)
		matches = err == nil
		p[both] = matches
	}
	return matches
}
