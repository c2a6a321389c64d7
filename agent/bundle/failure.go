// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

// Kind is what has failed, as far as the agent's exit code tells.
type Kind int

const (
	// Secrets is for secrets, certificates and templates.
	Secrets Kind = iota
	// Publish is for files.
	Publish
	// Change is for changes, checks, and what is served.
	Change
)

// Failure is an error that ends the agent.
type Failure struct {
	Kind Kind
	Err  error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns what has failed.
func (f *Failure) Unwrap() error { return f.Err }
