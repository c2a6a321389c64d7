// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
)

// Required reports whether tests fail for lack of a program that they run:
// whether CERTAGENT_REQUIRE_REAL is 1.
func Required() bool { return os.Getenv("CERTAGENT_REQUIRE_REAL") == "1" }

// Missing skips the test for lack of something, or fails it if that is Required.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if Required() {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Program returns the path of a program, also of one that only root's PATH leads
// to. A test without it is skipped, or fails if the program is Required.
func Program(t testing.TB, name string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name, "/sbin/" + name, "/usr/lib/systemd/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	Missing(t, "%s is not installed (install it with: make tools)", name)
	return ""
}

// built are the programs that the tests have built, once each.
var built struct {
	sync.Mutex
	dir   string
	paths map[string]string
}

// certagentPackage is the package of the program under test.
const certagentPackage = "github.com/certagent/certagent/cmd/certagent"

// Certagent builds certagent, with the race detector if the test has it.
func Certagent(t testing.TB) string {
	t.Helper()
	var args []string
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	return build(t, "default/certagent", ".", nil, append(args, certagentPackage)...)
}

// CertagentStatic builds certagent as it is shipped.
func CertagentStatic(t testing.TB) string {
	t.Helper()
	return Build(t, "certagent", ".", certagentPackage)
}

// Build builds a package, seen from a directory, without cgo: the program runs
// where there is no library. Other users may run it. What has that name is built
// once.
func Build(t testing.TB, name, dir, pkg string) string {
	t.Helper()
	return build(t, name, dir, []string{"CGO_ENABLED=0"}, "-trimpath", pkg)
}

func build(t testing.TB, name, dir string, env []string, args ...string) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if path, done := built.paths[name]; done {
		return path
	}
	if built.dir == "" {
		var err error
		if built.dir, err = os.MkdirTemp("", "certagent-built-"); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(built.dir, 0o755); err != nil {
			t.Fatal(err)
		}
		built.paths = make(map[string]string)
	}
	path := filepath.Join(built.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", append([]string{"build", "-o", path}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, output)
	}
	built.paths[name] = path
	return path
}

// Built returns the path of what was built under a name already, or "".
func Built(name string) string {
	built.Lock()
	defer built.Unlock()
	return built.paths[name]
}

func removeBuilt() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir) // what is left of it does no harm
	}
}
