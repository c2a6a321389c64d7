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

// publisher is a way to write the files of a generation.
type publisher struct {
	name    string
	publish func(ctx context.Context, dir string, g generation) error

	// handle is the directory that contains one generation, for readers by handle.
	// It is "" for publishers without one; readers then open the directory itself.
	handle string

	ours  bool     // files must be readable at any time
	never []string // the readers that must not see a mismatch
}

// publishers are the two of certagent and those of other agents. The latter write
// files in the order of the agent.
var publishers = []publisher{
	{name: "certagent, `directory`", publish: publishDirectory, handle: "..data", ours: true, never: []string{byHandle, byCombined}},
	{name: "certagent, file by file", publish: publishByFile, ours: true, never: []string{byCombined}},
	{name: "consul-template, Vault Agent", publish: renderEach},
	{name: "in place, as spiffe-helper", publish: writeInPlace},
}

func publishDirectory(ctx context.Context, dir string, g generation) error {
	d := sinks.LinkDir{Path: dir, UID: -1, GID: -1}
	r, err := d.Publish(ctx, sinks.Generation{Name: "bench", Files: g.files(dir)})
	if err != nil {
		return err
	}
	return r.CleanupErr
}

func publishByFile(ctx context.Context, dir string, g generation) error {
	r, err := sinks.Journal{}.Publish(ctx, sinks.Generation{Name: "bench", Files: g.files(dir)})
	if err != nil {
		return err
	}
	return r.CleanupErr
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

// renderEach writes one file after the other with consul-template's own code, as
// its runner does for consecutive templates. Vault Agent uses the same runner.
func renderEach(_ context.Context, dir string, g generation) error {
	for _, f := range g.files(dir) {
		if _, err := renderer.Render(&renderer.RenderInput{Path: f.Path, Contents: f.Content, Perms: f.Mode}); err != nil {
			return err
		}
	}
	return nil
}

// writeInPlace writes files as spiffe-helper's WriteX509Context does
// (pkg/disk/x509.go of v0.11.0): os.WriteFile for the certificate, the key and the
// CA. spiffe-helper has no combined file; here it is written in the same way.
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
