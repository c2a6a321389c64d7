// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"os"

	"github.com/certagent/certagent/exec"
)

// assembleChild makes the supervisor, if there is an exec block.
func (r *assembly) assembleChild() error {
	cfg := r.Config.Exec
	if cfg == nil {
		return nil
	}
	stdout, err := openOutput(cfg.Stdout, r.Stdout)
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	stderr, err := openOutput(cfg.Stderr, r.Stderr)
	if err != nil {
		return &Failure{Code: ExitConfig, Err: err}
	}
	r.child = newSupervisor(*cfg, exec.NewChild(exec.ChildConfig{
		Command:     cfg.Command,
		StopSignal:  cfg.StopSignal,
		StopGroup:   len(cfg.Command) == 3 && cfg.Command[0] == "sh" && cfg.Command[1] == "-c", // as Vault Agent does
		KillTimeout: cfg.KillTimeout,
		Stdin:       r.Stdin,
		Stdout:      stdout,
		Stderr:      stderr,
		Logger:      r.Logger,
	}), r.Logger)
	return nil
}

// openOutput opens the file that the child's output is appended to, or returns
// the standard one. It stays open until the process ends.
func openOutput(path string, standard *os.File) (*os.File, error) {
	if path == "" {
		return standard, nil
	}
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
}
