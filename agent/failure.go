// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"errors"

	"github.com/certagent/certagent/agent/bundle"
)

// The exit codes of certagent, besides the child's own. The README has them as
// a table.
const (
	ExitOK      = 0
	ExitError   = 1 // anything without a code of its own
	ExitUsage   = 2 // the command line
	ExitConfig  = 3 // the configuration
	ExitAuth    = 4 // the login failed, and exit_on_err is set
	ExitSecrets = 5 // a secret could not be read or a template failed, and exit_on_retry_failure is set
	ExitPublish = 6 // the files could not be written, and exit_on_retry_failure is set
	ExitChange  = 7 // a change failed, and exit_on_retry_failure or fail_on_error is set
	ExitMissing = 8 // certagent wait: files are missing when the time-out ends
)

// Failure is an error with its exit code.
type Failure struct {
	Code int
	Err  error
}

func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// exitFailure gives the failure of a bundle the exit code for its kind. Other
// errors stay as they are.
func exitFailure(err error) error {
	var failed *bundle.Failure
	if !errors.As(err, &failed) {
		return err
	}
	codes := map[bundle.Kind]int{bundle.Secrets: ExitSecrets, bundle.Publish: ExitPublish, bundle.Change: ExitChange}
	return &Failure{Code: codes[failed.Kind], Err: err}
}
