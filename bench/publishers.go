// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/consul-template/renderer"

	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// publisher is a way to bring a generation's files to disk.
type publisher struct {
	name    string
	publish func(ctx context.Context, dir string, g generation) error

	// handle is what a reader opens in the directory to have one generation; "" is
	// the directory itself, which does not give that.
	handle string

	ours  bool     // every file can be read at any time
	never []string // the readers that never find a mismatch
}

// publishers are certagent's two ways and those of its peers, in the order in
// which these write.
var publishers = []publisher{
	{name: "certagent, `directory`", publish: publishDirectory, handle: "..data", ours: true, never: []string{byHandle, byCombined}},
	{name: "certagent, file by file", publish: publishByFile, ours: true, never: []string{byCombined}},
	{name: "consul-template, Vault Agent", publish: renderEach},
	{name: "in place, as spiffe-helper", publish: writeInPlace},
}

func publishDirectory(ctx context.Context, dir string, g generation) error {
	d := sinks.Directory{Path: dir, UID: -1, GID: -1}
	r, err := d.Publish(ctx, sinks.Generation{Name: "bench", Files: g.files(dir)})
	if err != nil {
		return err
	}
	return r.Untidy
}

func publishByFile(ctx context.Context, dir string, g generation) error {
	r, err := sinks.Publish(ctx, sinks.Generation{Name: "bench", Files: g.files(dir)})
	if err != nil {
		return err
	}
	return r.Untidy
}

func (g generation) files(dir string) []sinks.File {
	file := func(name string, content []byte, key bool) sinks.File {
		mode := fs.FileMode(0o644)
		if key {
			mode = 0o600
		}
		return sinks.File{Path: filepath.Join(dir, name), Content: redact.Bytes(content), Mode: mode, UID: -1, GID: -1, Key: key}
	}
	return []sinks.File{
		file(caName, g.ca, false), file(certName, g.cert, false), file(keyName, g.key, true), file(combinedName, g.combined, true),
	}
}

// renderEach has consul-template's own code write each file, one after the other,
// as its runner does for templates that follow each other, and Vault Agent with it.
func renderEach(_ context.Context, dir string, g generation) error {
	for _, f := range g.files(dir) {
		if _, err := renderer.Render(&renderer.RenderInput{Path: f.Path, Contents: f.Content, Perms: f.Mode}); err != nil {
			return err
		}
	}
	return nil
}

// writeInPlace does what spiffe-helper's WriteX509Context does (pkg/disk/x509.go
// of v0.11.0): os.WriteFile for the certificate, the key and the CA. It knows no
// combined file; here one is written likewise.
func writeInPlace(_ context.Context, dir string, g generation) error {
	for _, f := range []struct {
		name    string
		content []byte
		mode    fs.FileMode
	}{
		{certName, g.cert, 0o644}, {keyName, g.key, 0o600}, {caName, g.ca, 0o644}, {combinedName, g.combined, 0o600},
	} {
		if err := os.WriteFile(filepath.Join(dir, f.name), f.content, f.mode); err != nil {
			return err
		}
	}
	return nil
}
