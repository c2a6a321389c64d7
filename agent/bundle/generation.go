// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// generation is one complete rendered content of a bundle that is not published
// yet.
type generation struct {
	plan.Generation

	files     []sinks.File
	of        []int // for each file the index, in the bundle, of its reaction
	variables []variable
	leaves    []*x509.Certificate // of the bundle's certificates
	own       []sinks.File        // the files of these, until inspect adds them
	previous  []sinks.File        // what it replaces, where no directory keeps it
}

// variable is a rendered env_template.
type variable struct {
	reaction int
	name     string
	value    redact.Bytes
}

// add adds a template's output.
func (g *generation) add(reaction int, m *templateMember, output redact.Bytes) {
	if m.variable != "" {
		g.variables = append(g.variables, variable{reaction, m.variable, output})
		return
	}
	file := m.file
	file.Content = output
	g.addFile(reaction, file)
}

// addFile adds a file. Of two files with the same path the later one wins, as if
// they were written one after the other.
func (g *generation) addFile(reaction int, file sinks.File) {
	for i := range g.files {
		if g.files[i].Path == file.Path {
			g.files[i], g.of[i] = file, reaction
			return
		}
	}
	g.files = append(g.files, file)
	g.of = append(g.of, reaction)
}

// inspect returns an error if certificates and keys in the files do not match, and
// marks the files that hold a private key. The files of the bundle's certificates
// need no inspection: their content was inspected when it was issued.
func (g *generation) inspect(now time.Time) error {
	files := make([]inspect.File, len(g.files))
	for i, f := range g.files {
		files[i] = inspect.File{Path: f.Path, Content: f.Content}
	}
	report, err := inspect.Inspect(files, now)
	if err != nil {
		return refusal(report, err, now)
	}
	keys := make(map[string]bool, len(report.Keys))
	for _, path := range report.Keys {
		keys[path] = true
	}
	for i := range g.files {
		g.files[i].Key = keys[g.files[i].Path]
	}
	leaves := slices.Clone(g.leaves)
	for _, leaf := range report.Leaves {
		leaves = append(leaves, leaf.Certificate)
	}
	for _, v := range g.variables {
		inside, _ := inspect.Inspect([]inspect.File{{Path: v.name, Content: v.value}}, now) // what is wrong with a part of a set is no reason
		for _, leaf := range inside.Leaves {
			leaves = append(leaves, leaf.Certificate)
		}
	}
	ending := endingOf(leaves)
	g.Origin.Expires, g.Origin.Serial, g.Until = ending.At, ending.Serial, firstValid(leaves, now)
	if len(leaves) > 0 && g.Until.IsZero() {
		return fmt.Errorf("%w at %s", errAllEnded, ending.At.UTC().Format(time.RFC3339))
	}
	for _, file := range g.own {
		g.addFile(0, file)
	}
	return nil
}

// checkVariables returns an error if no environment can hold the variables. Without it
// the child would be stopped first, and could not be started again.
func (g *generation) checkVariables(child Children) error {
	if len(g.variables) == 0 {
		return nil
	}
	values := make(map[string]redact.Bytes, len(g.variables))
	for _, v := range g.variables {
		values[v.name] = v.value
	}
	return child.CheckEnv(values)
}

// compare compares the generation with the files on disk and the children's
// environment, and records which reactions have something that differs.
func (g *generation) compare(p sinks.Publisher, reactions int, child Children) (plan.Content, error) {
	statuses, err := p.Compare(g.files)
	if err != nil {
		return plan.Unknown, err
	}
	g.Digest, g.Differs = g.digest(), make([]bool, reactions)
	content := plan.Same
	for i, status := range statuses {
		switch status {
		case sinks.Content:
			content = plan.Differs
			g.Differs[g.of[i]] = true
		case sinks.Drift:
			content = max(content, plan.Drifted)
		}
	}
	for _, v := range g.variables {
		if !child.HasEnv(v.name, v.value) {
			content = plan.Differs
			g.Differs[v.reaction] = true
		}
	}
	return content, nil
}

// digest identifies the content.
func (g *generation) digest() string {
	h := sha256.New()
	for _, f := range g.files {
		fmt.Fprintf(h, "%q %d\n", f.Path, len(f.Content))
		h.Write(f.Content)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writtenPath returns the absolute form of a path that a template passed to
// writeToFile.
func writtenPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("writeToFile %q: %w", path, err)
	}
	return abs, nil
}
