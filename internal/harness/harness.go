// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package harness is what the tests of several packages run on: a server to talk
// to, a directory, the program under test and others with their output, and one
// way to wait until something holds. Only tests import it.
//
// Every helper that is given a test may end it, and must be called by the test's
// own goroutine. The goroutines of this package never end a test.
package harness

import (
	"flag"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a package's tests after Prepare. The tests fail if they leave
// goroutines behind.
func Main(m *testing.M) { goleak.VerifyTestMain(prepared{m}) }

// AtOnce lets at least n tests run at the same time: tests that wait most of their
// time keep no processor busy. It is to be called before Main. The flag -parallel
// takes precedence.
func AtOnce(n int) {
	if err := flag.Set("test.parallel", strconv.Itoa(max(n, runtime.GOMAXPROCS(0)))); err != nil {
		panic(err) // the flag is there in every test binary
	}
}

// prepared is a run of tests that needs what Prepare does.
type prepared struct{ m *testing.M }

func (p prepared) Run() int {
	defer Prepare()()
	return p.m.Run()
}

// Prepare readies the process for tests that start programs: variables that are
// meant for another Vault are removed from its environment, and programs begin
// with the default action for every signal. The function that it returns removes
// the programs that tests have built.
func Prepare() (cleanUp func()) {
	unsetVault()
	defaultSignals()
	return removeBuilt
}

// unsetVault removes the variables of Vault's clients, VAULT_TOKEN for instance.
func unsetVault() {
	for _, entry := range os.Environ() {
		if name, _, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "VAULT_") {
			os.Unsetenv(name)
		}
	}
}

// ignored receives the signals that this process was started with as ignored.
// Nothing reads it.
var ignored = make(chan os.Signal, 1)

// defaultSignals makes programs that this process starts begin with the default
// action for signals that it inherited as ignored, such as SIGHUP from nohup, or
// SIGINT in a background job of a shell. Through exec(2) an ignored signal stays
// ignored, but a handler becomes the default action, and a signal that is notified
// has a handler. It still has no effect here. [signal.Stop] would ignore it again.
func defaultSignals() {
	const last = 64
	for sig := syscall.Signal(1); sig <= last; sig++ {
		if signal.Ignored(sig) {
			signal.Notify(ignored, sig)
		}
	}
}
