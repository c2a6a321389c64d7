// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"errors"
	"syscall"
	"time"

	"github.com/certagent/certagent/agent/inspect"
	"github.com/certagent/certagent/agent/plan"
)

// refusedSet is the error of files that do not belong together, such as a key that is
// not the certificate's. As long as Vault has the same secrets, they will not.
type refusedSet struct{ error }

func (e *refusedSet) Unwrap() error { return e.error }

// refusal returns the error of files that must not be published. A certificate that is
// not valid now is not refused for good: another one may come, or the clock be set.
func refusal(report inspect.Report, err error, now time.Time) error {
	for _, leaf := range report.Leaves {
		if c := leaf.Certificate; now.Before(c.NotBefore) || !now.Before(c.NotAfter) {
			return err
		}
	}
	return &refusedSet{err}
}

// hopeless reports whether trying a step again cannot help, unless somebody changes the
// configuration or a secret: an error in a template, files that do not belong together, a
// destination that is a directory. What depends on files, programs or time may heal.
func (b *Bundle) hopeless(do plan.Action, err error) bool {
	return errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENOTDIR) ||
		errors.As(err, new(*refusedSet)) || do == plan.Render && b.templateFails
}
