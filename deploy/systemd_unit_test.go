// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// units are the unit files, with what systemd-analyze security may give them at
// most: 0 is fully locked in, 100 not at all. A service that needs no network
// connection or is not root would get less; certagent needs one.
var units = []struct {
	name     string
	exposure int // 0: it is not a service
}{
	{"certagent.service", 12},
	{"certagent-owner.service", 18},
	{"certagent-exec.service", 17},
	{"certagent-reload@.service", 9},
	{"certagent-reload@.path", 0},
}

// systemdVersion is the installed one.
func systemdVersion(t *testing.T) int {
	t.Helper()
	text, err := output(exec.Command(harness.Program(t, "systemd-analyze"), "--version"))
	if err != nil {
		t.Fatal(err)
	}
	var version int
	if _, err := fmt.Sscanf(text, "systemd %d", &version); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return version
}

// unitRoot is a root directory with the units, and with what they name: the
// programs and systemd's own targets.
func unitRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, unit := range units {
		write(t, filepath.Join(root, "etc/systemd/system", unit.name), harness.ReadFile(t, "systemd/"+unit.name))
	}
	for _, program := range []string{"usr/bin/certagent", "usr/bin/systemctl", "bin/kill"} {
		install(t, "systemd/README.md", filepath.Join(root, program)) // any file will do
	}
	copyTargets(t, filepath.Join(root, "usr/lib/systemd/system"))
	return root
}

// copyTargets copies systemd's targets, and nothing that does something.
func copyTargets(t *testing.T, to string) {
	t.Helper()
	targets, err := filepath.Glob("/usr/lib/systemd/system/*.target")
	if err != nil || len(targets) == 0 {
		t.Fatalf("systemd's targets: %v", err)
	}
	for _, target := range targets {
		write(t, filepath.Join(to, filepath.Base(target)), harness.ReadFile(t, target))
	}
}

func TestUnitsAreValid(t *testing.T) {
	t.Parallel()
	analyze, version := harness.Program(t, "systemd-analyze"), systemdVersion(t)
	for _, older := range []bool{false, true} {
		root := unitRoot(t)
		for _, unit := range units {
			path := filepath.Join(root, "etc/systemd/system", unit.name)
			if older && strings.HasSuffix(unit.name, ".service") {
				write(t, path+".d/older-systemd.conf", harness.ReadFile(t, "systemd/older-systemd.conf"))
			}
			out, err := exec.Command(analyze, "verify", "--man=no", "--root="+root, path).CombinedOutput()
			if err != nil {
				t.Errorf("%s, older-systemd.conf=%v: %v\n%s", unit.name, older, err, out)
			}
			for line := range strings.Lines(string(out)) {
				// The one thing that systemd before 253 does not know, by intention.
				if version >= 253 || !strings.HasSuffix(line, "Failed to parse service type, ignoring: notify-reload\n") {
					t.Errorf("%s, older-systemd.conf=%v: %s", unit.name, older, line)
				}
			}
		}
	}
}

// A mistake must be found, or the test above means nothing.
func TestAnInvalidUnitIsNotValid(t *testing.T) {
	t.Parallel()
	root := unitRoot(t)
	path := filepath.Join(root, "etc/systemd/system/certagent.service")
	write(t, path, strings.Replace(harness.ReadFile(t, path), "ExecStart=/usr/bin/certagent", "ExecStart=/usr/bin/cert-agent", 1))
	out, err := exec.Command(harness.Program(t, "systemd-analyze"), "verify", "--man=no", "--root="+root, path).CombinedOutput()
	if err == nil {
		t.Errorf("a program that does not exist passes:\n%s", out)
	}
}

func TestUnitsAreLockedIn(t *testing.T) {
	t.Parallel()
	analyze := harness.Program(t, "systemd-analyze")
	for _, unit := range units {
		if unit.exposure == 0 {
			continue
		}
		judge := func(threshold int) ([]byte, error) {
			return exec.Command(analyze, "security", "--no-pager", "--offline=yes", fmt.Sprintf("--threshold=%d", threshold), "systemd/"+unit.name).CombinedOutput()
		}
		if out, err := judge(unit.exposure); err != nil {
			t.Errorf("%s: more than %d:\n%s", unit.name, unit.exposure, out)
		}
		if _, err := judge(5); err == nil {
			t.Errorf("%s: any threshold passes", unit.name)
		}
	}
}

// The units of one kind differ in what their comments say, and in nothing else.
func TestUnitsDiffer(t *testing.T) {
	t.Parallel()
	settings := func(name string) (all []string) {
		for line := range strings.Lines(harness.ReadFile(t, "systemd/"+name)) {
			if key, _, found := strings.Cut(strings.TrimSpace(line), "="); found && !strings.HasPrefix(line, "#") {
				all = append(all, key+"="+strings.TrimSpace(line[strings.Index(line, "=")+1:]))
			}
		}
		return all
	}
	base := settings("certagent.service")
	for name, want := range map[string][]string{
		"certagent-owner.service": {
			"-CapabilityBoundingSet=", "+CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
			"+AmbientCapabilities=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE",
			"-PrivateUsers=yes",
		},
		"certagent-exec.service": {
			"-CapabilityBoundingSet=", "+CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "+AmbientCapabilities=CAP_NET_BIND_SERVICE",
			"-PrivateUsers=yes", "-ProcSubset=pid", "-MemoryDenyWriteExecute=yes",
			"-SystemCallFilter=~@privileged @resources", "+SystemCallFilter=~@privileged",
			"-StateDirectoryMode=0755", "-RuntimeDirectoryMode=0755",
			"+CacheDirectory=certagent-exec", "+LogsDirectory=certagent-exec",
			"-RestartPreventExitStatus=2 3", // they may be nginx's
		},
	} {
		var got []string
		theirs := settings(name)
		for _, s := range base {
			if !slices.Contains(theirs, s) && !named(s) {
				got = append(got, "-"+s)
			}
		}
		for _, s := range theirs {
			if !slices.Contains(base, s) && !named(s) {
				got = append(got, "+"+s)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s differs from certagent.service in\n%q, want\n%q", name, got, want)
		}
	}
}

// named says whether a setting is where two units have names of their own.
func named(setting string) bool {
	key, _, _ := strings.Cut(setting, "=")
	return slices.Contains([]string{"Description", "ExecStart", "StateDirectory", "RuntimeDirectory"}, key)
}
