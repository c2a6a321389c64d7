// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
	"github.com/certagent/certagent/redact"
	"github.com/certagent/certagent/sinks"
)

// generation is one complete rendered content of a bundle, before it is
// published.
type generation struct {
	files     []sinks.File
	of        []int // the reaction, by its place in the bundle, that follows each file
	variables []variable
	leaves    []*x509.Certificate // of the certificates that the bundle asks for itself
	own       []sinks.File        // what is made of these, until inspect adds it
	memo      recordPayload
	differs   []bool       // by reaction: whether there is something new
	previous  []sinks.File // what it replaced, where no directory keeps it
}

// variable is a rendered env_template.
type variable struct {
	reaction int
	name     string
	value    redact.Bytes
}

// add takes a template's output.
func (g *generation) add(reaction int, m *templateMember, output redact.Bytes) {
	if m.variable != "" {
		g.variables = append(g.variables, variable{reaction, m.variable, output})
		return
	}
	file := m.file
	file.Content = output
	g.addFile(reaction, file)
}

// addFile takes a file. Of two with one path the later wins, as it would if
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

// inspect refuses a generation whose certificates and keys do not fit together,
// and gives files that hold a private key the mode that is right for them. What
// the bundle asked for itself was looked at when it was answered.
func (g *generation) inspect(now time.Time) error {
	files := make([]inspect.File, len(g.files))
	for i, f := range g.files {
		files[i] = inspect.File{Path: f.Path, Content: f.Content}
	}
	report, err := inspect.Inspect(files, now)
	if err != nil {
		return err
	}
	keys := make(map[string]bool, len(report.Keys))
	for _, path := range report.Keys {
		keys[path] = true
	}
	for i := range g.files {
		g.files[i].Key = keys[g.files[i].Path]
	}
	g.memo.Expires = report.NotAfter
	for _, leaf := range g.leaves {
		if g.memo.Expires.IsZero() || leaf.NotAfter.Before(g.memo.Expires) {
			g.memo.Expires = leaf.NotAfter
		}
	}
	for _, file := range g.own {
		g.addFile(0, file)
	}
	return nil
}

// compare says how the generation differs from what is on disk and in the
// child's environment, and notes which reactions have something that differs.
func (g *generation) compare(t target, reactions int, child Children) (plan.Content, error) {
	statuses, err := t.compare(g.files)
	if err != nil {
		return plan.Unknown, err
	}
	g.differs = make([]bool, reactions)
	content := plan.Same
	for i, status := range statuses {
		switch status {
		case sinks.Content:
			content = plan.Differs
			g.differs[g.of[i]] = true
		case sinks.Drift:
			content = max(content, plan.Drifted)
		}
	}
	for _, v := range g.variables {
		if !child.HasEnv(v.name, v.value) {
			content = plan.Differs
			g.differs[v.reaction] = true
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

// writtenPath resolves the path that a template gave to writeToFile.
func writtenPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("writeToFile %q: %w", path, err)
	}
	return abs, nil
}
