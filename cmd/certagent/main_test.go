// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/certagent/certagent/internal/harness"
)

// codeLeak is how the binary under test ends when it has left goroutines
// behind, whatever else it did.
const codeLeak = 99

// The tests run the real command line: "certagent" is this test binary, which
// calls run as main does. Unlike main it looks for goroutines that are left.
func TestMain(m *testing.M) {
	testscript.Main(leakChecked{m}, map[string]func(){"certagent": certagentMain})
}

// certagentMain is main with a look for goroutines that are left.
//
// With CERTAGENT_TEST_LOG_QUEUE=bytes the queues of the log have that size, and the
// goroutine of one whose writer stands still may be left.
func certagentMain() {
	limit, err := strconv.Atoi(os.Getenv("CERTAGENT_TEST_LOG_QUEUE"))
	if err == nil {
		queueLimit = limit
		os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	code := run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, "certagent left goroutines behind:", err)
		code = codeLeak
	}
	os.Exit(code)
}

// leakChecked is a test run that fails if goroutines outlive it.
type leakChecked struct{ *testing.M }

func (m leakChecked) Run() int {
	harness.AtOnce(8)
	defer harness.Prepare()()
	code := m.M.Run()
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, "the tests left goroutines behind:", err)
		return 1
	}
	return code
}
