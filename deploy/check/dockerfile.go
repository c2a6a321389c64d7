// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stage is what lies between two FROM lines.
type stage struct {
	Name, Base string
	Steps      []step
}

// step is one instruction, with those of its parts that the tests look at.
type step struct {
	Instruction string
	Sources     []string          `json:",omitempty"` // of COPY
	Target      string            `json:",omitempty"` // of COPY
	From        string            `json:",omitempty"` // of COPY: a stage, or nothing for the context
	Text        string            `json:",omitempty"` // of COPY: what stands in the Dockerfile itself
	Command     []string          `json:",omitempty"` // of ENTRYPOINT, CMD and RUN
	Shell       bool              `json:",omitempty"` // a shell is needed for the command
	Env         map[string]string `json:",omitempty"`
	Value       string            `json:",omitempty"` // of USER and STOPSIGNAL
}

// readDockerfile reads a Dockerfile with BuildKit's parser. What its linter
// warns of is an error.
func readDockerfile(path string) (any, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	tree, err := parser.Parse(file)
	if err != nil {
		return nil, err
	}
	var warnings []error
	for _, w := range tree.Warnings {
		warnings = append(warnings, errors.New(w.Short))
	}
	lint := linter.New(&linter.Config{Warn: func(rule, _, _, text string, at []parser.Range) {
		warnings = append(warnings, fmt.Errorf("%v: %s: %s", at, rule, text))
	}})
	stages, _, err := instructions.Parse(tree.AST, lint)
	if err := errors.Join(append(warnings, err)...); err != nil {
		return nil, err
	}
	var all []stage
	for _, s := range stages {
		next := stage{Name: s.Name, Base: s.BaseName}
		for _, command := range s.Commands {
			next.Steps = append(next.Steps, readStep(command))
		}
		all = append(all, next)
	}
	return all, nil
}

func readStep(command instructions.Command) step {
	s := step{Instruction: command.Name()}
	switch c := command.(type) {
	case *instructions.CopyCommand:
		s.Sources, s.Target, s.From = c.SourcePaths, c.DestPath, c.From
		for _, here := range c.SourceContents {
			s.Text += here.Data
		}
	case *instructions.EntrypointCommand:
		s.Command, s.Shell = c.CmdLine, c.PrependShell
	case *instructions.CmdCommand:
		s.Command, s.Shell = c.CmdLine, c.PrependShell
	case *instructions.RunCommand:
		s.Command, s.Shell = c.CmdLine, c.PrependShell
	case *instructions.EnvCommand:
		s.Env = map[string]string{}
		for _, pair := range c.Env {
			s.Env[pair.Key] = pair.Value
		}
	case *instructions.UserCommand:
		s.Value = c.User
	case *instructions.StopSignalCommand:
		s.Value = c.Signal
	}
	return s
}
