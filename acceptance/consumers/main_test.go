// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

func TestMain(m *testing.M) {
	harness.AtOnce(4)
	harness.Main(m)
}

// need skips a test on a machine without a program that a recipe needs, or fails
// it if that is required.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		harness.Program(t, program)
	}
}
