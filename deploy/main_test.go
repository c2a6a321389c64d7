// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The test binary prepares a box when it is started for that.
func TestMain(m *testing.M) {
	if isBoxInit() {
		boxInit()
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(built.dir)
		os.Exit(code)
	}))
}

// patience is how long anything may take on a machine that is busy.
const patience = 2 * time.Minute

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// missing skips the test for lack of something, or fails it if
// $CERTAGENT_REQUIRE_REAL is 1.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("CERTAGENT_REQUIRE_REAL") == "1" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// tool finds a program, also where only root's PATH leads.
func tool(t *testing.T, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name, "/usr/lib/systemd/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	missing(t, "%s is not installed", name)
	return ""
}

// built is what the tests build, once each.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// builtAs is the path of what was built under a name already, or "".
func builtAs(name string) string {
	built.Lock()
	defer built.Unlock()
	return built.paths[name]
}

// build builds the package in a directory below this one, without cgo, as it is
// shipped: it has to run where there is no library.
func build(t *testing.T, name, dir, pkg string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, done := built.paths[name]; done {
		return path
	}
	if built.dir == "" {
		var err error
		if built.dir, err = os.MkdirTemp("", "certagent-deploy-"); err != nil {
			t.Fatal(err)
		}
		// Programs are run from it by other users.
		if err := os.Chmod(built.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		built.paths = map[string]string{}
	}
	path := filepath.Join(built.dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, output)
	}
	built.paths[name] = path
	return path
}

func certagentBinary(t *testing.T) string {
	t.Helper()
	return build(t, "certagent", ".", "github.com/certagent/certagent/cmd/certagent")
}

// output runs a program to its end and returns what it printed to stdout; an
// error holds what it printed to stderr.
func output(cmd *exec.Cmd) (string, error) {
	text, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	return string(text), err
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// install copies a program to where the thing under test expects it.
func install(t *testing.T, from, to string) {
	t.Helper()
	write(t, to, read(t, from))
	if err := os.Chmod(to, 0o755); err != nil {
		t.Fatal(err)
	}
}
