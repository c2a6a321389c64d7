// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"flag"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// atOnce is how many of the tests run at the same time: they wait most of it.
const atOnce = "4"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // the command line says more
		panic(err)
	}
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
