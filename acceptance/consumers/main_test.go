// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// atOnce is how many of the tests run at the same time: they wait most of it.
const atOnce = "4"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // the command line says more
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(built.dir)
		os.Exit(code)
	}))
}

// built is the certagent under test, built once.
var built struct {
	once      sync.Once
	dir, path string
	err       error
}

// certagentBinary builds certagent, with the race detector if the test has it.
func certagentBinary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "certagent-build-"); built.err != nil {
			return
		}
		built.path = filepath.Join(built.dir, "certagent")
		args := []string{"build", "-o", built.path}
		if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
			args = append(args, "-race")
		}
		output, err := exec.Command("go", append(args, "github.com/certagent/certagent/cmd/certagent")...).CombinedOutput()
		if built.err = err; err != nil {
			t.Logf("%s", output)
		}
	})
	if built.err != nil {
		t.Fatalf("building certagent: %v", built.err)
	}
	return built.path
}

// need skips a test on a machine without a program that a recipe needs, or fails
// if $CERTAGENT_REQUIRE_REAL is 1.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing(t, program)
		}
	}
}

func missing(t *testing.T, program string) {
	t.Helper()
	if os.Getenv("CERTAGENT_REQUIRE_REAL") == "1" {
		t.Fatalf("%s is required (install it with: make tools)", program)
	}
	t.Skipf("%s is not installed (install it with: make tools)", program)
}
