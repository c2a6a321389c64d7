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

// The names of the readers.
const (
	byPath     = "by path"
	byHandle   = "by directory handle"
	byCombined = "combined PEM"
)

// reader is a way to read a certificate and its key. The handle is the name of the
// directory that contains one generation.
type reader struct {
	name string
	read func(dir, handle string) (cert, key []byte, err error)
}

var readers = []reader{
	{byPath, readPaths},
	{byHandle, readHandle},
	{byCombined, readCombined},
}

// readPaths opens the certificate and the key by their paths, one after the other,
// as a server with two configured paths does.
func readPaths(dir, _ string) (cert, key []byte, err error) {
	return certificate{Cert: filepath.Join(dir, certName), Key: filepath.Join(dir, keyName)}.contents()
}

// readHandle opens the directory once, then both files relative to it.
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

// readCombined reads the combined file.
func readCombined(dir, _ string) (cert, key []byte, err error) {
	both, err := os.ReadFile(filepath.Join(dir, combinedName))
	return both, both, err
}

// tally counts the reads of a reader.
type tally struct {
	reads      int   // complete reads of a certificate and a key
	mismatches int   // reads whose key does not match the certificate
	errors     int   // failed reads
	last       error // the last error
}

func (t tally) String() string {
	text := fmt.Sprintf("%d reads, %d mismatches, %d errors", t.reads, t.mismatches, t.errors)
	if t.last != nil {
		text += ", last error: " + t.last.Error()
	}
	return text
}

// watch reads continuously until ctx is cancelled. After each read it sends on done
// if somebody is receiving.
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

// pairs caches which contents match, so that readers spend their time reading.
type pairs map[string]bool

// match reports whether the key matches the certificate. A truncated file matches
// nothing.
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
