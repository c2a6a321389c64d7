// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package stage

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// built is where "make build" puts certagent.
const built = "bin/certagent"

// Certagent decides which program Start starts: the one at path; without a path
// bin/certagent; where there is none, one that is built now.
func (s *Stage) Certagent(ctx context.Context, path string) error {
	if path == "" {
		if _, err := os.Stat(built); err != nil {
			return s.build(ctx)
		}
		path = built
	}
	path, err := filepath.Abs(path) // it is started in another directory
	if err != nil {
		return err
	}
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("certagent: %w", err)
	}
	s.certagent = path
	return nil
}

func (s *Stage) build(ctx context.Context) error {
	s.certagent = s.Path("certagent")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", s.certagent, "github.com/certagent/certagent/cmd/certagent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building certagent: %w\n%s", err, output)
	}
	return nil
}

// Start starts "certagent agent" with a configuration file of the directory.
// What certagent logs goes to a file in it, named for the configuration file with
// ".log" behind it. What the agent's child and its commands print goes to lines,
// line by line, from one goroutine; if lines is nil, to that file as well.
func (s *Stage) Start(config string, env []string, lines func(string)) (*Process, error) {
	return s.Run(Program{
		Name:    "certagent with " + config,
		Command: []string{s.certagent, "agent", "-config=" + config},
		Env:     env,
		Log:     config + ".log",
		Lines:   lines,
	})
}
