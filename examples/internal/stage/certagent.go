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

// built is the program that "make build" builds.
const built = "bin/certagent"

// Certagent sets the program that Start starts: the one at path or, if path is empty,
// bin/certagent or, if that does not exist, one that it builds.
func (s *Stage) Certagent(ctx context.Context, path string) error {
	if path == "" {
		if _, err := os.Stat(built); err != nil {
			return s.build(ctx)
		}
		path = built
	}
	path, err := filepath.Abs(path) // it runs in another directory
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

// Start starts "certagent agent" with a configuration file of the directory. The log
// goes to a file there, named as the configuration file with ".log" appended. The
// output of the agent's child and commands goes to lines, line by line, from one
// goroutine; if lines is nil, it goes to the log file as well.
func (s *Stage) Start(config string, env []string, lines func(string)) (*Process, error) {
	return s.Run(Program{
		Name:    "certagent with " + config,
		Command: []string{s.certagent, "agent", "-config=" + config},
		Env:     env,
		Log:     config + ".log",
		Lines:   lines,
	})
}
