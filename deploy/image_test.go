// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/certagent/certagent/internal/harness"
)

// stage is a stage of a Dockerfile, as the checker prints it.
type stage struct {
	Name, Base string
	Steps      []struct {
		Instruction, Target, From, Text, Value string
		Sources, Command                       []string
		Shell                                  bool
		Env                                    map[string]string
	}
}

// image is what a stage makes: a root, and how its process starts.
type image struct {
	*testing.T
	root       string
	entrypoint []string
	command    []string
	env        []string
	user       string
	stopSignal string
}

// stages reads a Dockerfile.
func stages(t *testing.T, file string) []stage {
	t.Helper()
	var all []stage
	parse(t, "dockerfile", "container/"+file, &all)
	return all
}

// buildStage is what the first stage of the Dockerfile makes: its instructions
// are for a builder that has a network.
func buildStage(t *testing.T, w *world) string {
	t.Helper()
	root := t.TempDir()
	goRoot, err := output(exec.Command("go", "env", "GOROOT"))
	if err != nil {
		t.Fatal(err)
	}
	install(t, harness.CertagentStatic(t), filepath.Join(root, "out/certagent"))
	write(t, filepath.Join(root, "usr/local/go/lib/time/zoneinfo.zip"), harness.ReadFile(t, filepath.Join(strings.TrimSpace(goRoot), "lib/time/zoneinfo.zip")))
	// The authorities that the image trusts are those of the test's server.
	write(t, filepath.Join(root, "etc/ssl/certs/ca-certificates.crt"), string(w.CA))
	return root
}

// assemble carries out the instructions of a stage, but for RUN. from are the
// roots of the other stages, and of the context under the name "".
func assemble(t *testing.T, s stage, from map[string]string) *image {
	t.Helper()
	i := &image{T: t, root: t.TempDir(), stopSignal: "SIGTERM"}
	for _, step := range s.Steps {
		switch step.Instruction {
		case "COPY":
			target := filepath.Join(i.root, step.Target)
			if step.Text != "" {
				harness.WriteFile(t, target, step.Text, 0o755)
			}
			for _, source := range step.Sources {
				to := target
				if strings.HasSuffix(step.Target, "/") {
					to = filepath.Join(target, filepath.Base(source))
				}
				mode := fs.FileMode(0o644)
				if filepath.Base(source) == "certagent" {
					mode = 0o755
				}
				harness.WriteFile(t, to, harness.ReadFile(t, filepath.Join(from[step.From], source)), mode)
			}
		case "ENTRYPOINT":
			i.entrypoint = step.Command
		case "CMD":
			i.command = step.Command
		case "ENV":
			for _, name := range slices.Sorted(maps.Keys(step.Env)) {
				i.env = append(i.env, name+"="+step.Env[name])
			}
		case "USER":
			i.user = step.Value
		case "STOPSIGNAL":
			i.stopSignal = step.Value
		default:
			t.Fatalf("%s is not for a stage that is assembled here", step.Instruction)
		}
		if step.Shell {
			t.Errorf("%s %q needs a shell", step.Instruction, step.Command)
		}
	}
	return i
}

// anybody is a user that no image knows, as OpenShift chooses them.
const anybody = 1000650000

// container is the box that docker run --read-only makes of the image, with a
// tmpfs at /run/certagent. The arguments replace the command.
func (i *image) container(args ...string) box {
	if len(args) == 0 {
		args = i.command
	}
	return box{
		Root: i.root, UID: anybody, Args: slices.Concat(i.entrypoint, args),
		Env:    append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, i.env...),
		Mounts: append(runtimeMounts(), mount{Kind: "tmpfs", Target: "/run/certagent", Mode: "1777"}),
	}
}

// runtimeMounts are those that a container has without asking.
func runtimeMounts() []mount {
	return append([]mount{{Kind: "proc", Target: "/proc"}, {Kind: "tmpfs", Target: "/dev", Mode: "0755"}}, devices()...)
}
