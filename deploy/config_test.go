// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package deploy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/certagent/certagent/agent/config"
	"github.com/certagent/certagent/internal/harness"
)

// loadConfig loads a configuration in the environment of its process. It must
// not even be warned of.
func loadConfig(t *testing.T, path string, env map[string]string) *config.Config {
	t.Helper()
	c, problems := config.Load([]string{path}, config.Overrides{LookupEnv: func(name string) (string, bool) {
		value, set := env[name]
		return value, set
	}})
	if len(problems) > 0 {
		t.Fatal(problems.Error())
	}
	return c
}

// TestConfigurations loads those that are files of their own; those of jobs and
// manifests are loaded with these.
func TestConfigurations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*/*.hcl")
	if err != nil {
		t.Fatal(err)
	}
	loaded := 0
	for _, file := range files {
		if strings.HasSuffix(file, ".nomad.hcl") {
			continue
		}
		loadConfig(t, file, map[string]string{"CREDENTIALS_DIRECTORY": "/run/credentials/certagent.service"})
		loaded++
	}
	if loaded != 4 {
		t.Errorf("%d configurations", loaded)
	}
}

// TestStopsFit: nginx gives up what it cannot send before certagent kills it, and
// certagent does before it is killed itself.
func TestStopsFit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, config, nginx string
		supervisor          time.Duration
	}{
		{"systemd", "systemd/exec.hcl", harness.ReadFile(t, "systemd/nginx.conf"),
			duration(t, harness.ReadFile(t, "systemd/certagent-exec.service"), `(?m)^TimeoutStopSec=(\S+)$`)},
		{"docker stop", "container/agent.hcl", harness.ReadFile(t, "container/nginx.conf"), 10 * time.Second},
	} {
		loaded := loadConfig(t, c.config, map[string]string{"CREDENTIALS_DIRECTORY": "/"})
		nginx, child := duration(t, c.nginx, workerTimeout), loaded.Execs[0].KillTimeout
		if nginx+time.Second > child || child+time.Second > c.supervisor {
			t.Errorf("%s: nginx takes up to %v, certagent lets it for %v, and is itself killed after %v", c.name, nginx, child, c.supervisor)
		}
	}
}

// workerTimeout is where a configuration of nginx says how long a worker may take
// to end.
const workerTimeout = `(?m)^\s*worker_shutdown_timeout\s+(\S+);`

// duration is the one that a text gives.
func duration(t *testing.T, text, pattern string) time.Duration {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("there is no %s in\n%s", pattern, text)
	}
	d, err := time.ParseDuration(match[1])
	if err != nil {
		t.Fatal(err)
	}
	return d
}
