// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
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
	of        []int // the member, by its place in the bundle, that each file stems from
	variables []variable
	expires   time.Time // when the first of its certificates ends; zero without one
}

// variable is a rendered env_template.
type variable struct {
	member int
	name   string
	value  redact.Bytes
}

// add takes a member's output, and what it told writeToFile to write.
func (g *generation) add(place int, m *member, output redact.Bytes) {
	if m.variable != "" {
		g.variables = append(g.variables, variable{place, m.variable, output})
		return
	}
	file := m.file
	file.Content = output
	g.addFile(place, file)
}

// addFile takes a file. Of two with one path the later wins, as it would if
// they were written one after the other.
func (g *generation) addFile(place int, file sinks.File) {
	for i := range g.files {
		if g.files[i].Path == file.Path {
			g.files[i], g.of[i] = file, place
			return
		}
	}
	g.files = append(g.files, file)
	g.of = append(g.of, place)
}

// inspect refuses a generation whose certificates and keys do not fit together,
// and gives files that hold a private key the mode that is right for them.
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
	g.expires = report.NotAfter
	return nil
}

// compare says how the generation differs from what is on disk and in the
// child's environment, and which members have something that differs.
func (g *generation) compare(members int, child *supervisor) (plan.Content, []bool, error) {
	statuses, err := sinks.Compare(g.files)
	if err != nil {
		return plan.Unknown, nil, err
	}
	differs := make([]bool, members)
	content := plan.Same
	for i, status := range statuses {
		switch status {
		case sinks.Content:
			content = plan.Differs
			differs[g.of[i]] = true
		case sinks.Drift:
			content = max(content, plan.Drifted)
		}
	}
	for _, v := range g.variables {
		if !child.hasEnv(v.name, v.value) {
			content = plan.Differs
			differs[v.member] = true
		}
	}
	return content, differs, nil
}

// writtenPath resolves the path that a template gave to writeToFile.
func writtenPath(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("writeToFile %q: %w", path, err)
	}
	return abs, nil
}
