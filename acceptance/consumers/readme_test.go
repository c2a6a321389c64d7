// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package consumers

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

// Every recipe has a test that runs it, and is a configuration about which there
// is nothing to say.
func TestRecipes(t *testing.T) {
	all := recipes(t)
	tested := []string{login, haproxyReloaded, haproxyRuntime, gunicorn, javaPolls, javaIsTold, node}
	if diff := cmp.Diff(slices.Sorted(slices.Values(tested)), slices.Sorted(maps.Keys(all))); diff != "" {
		t.Errorf("recipes that are tested (-) and recipes in README.md (+):\n%s", diff)
	}
	for title, r := range all {
		path := filepath.Join(t.TempDir(), "agent.hcl")
		text := r["hcl"]
		if title != login {
			text = all[login]["hcl"] + text
		} else {
			text += all[node]["hcl"] // something to log in for
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, problems := config.Load([]string{path}, config.Overrides{LookupEnv: func(string) (string, bool) { return "", false }})
		if len(problems) > 0 {
			t.Errorf("%s: %v", title, problems)
		}
	}
}

func TestLinks(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	links := regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1)
	if len(links) == 0 {
		t.Error("there are no links")
	}
	for _, link := range links {
		if _, err := os.Stat(link[1]); err != nil {
			t.Error(err)
		}
	}
}
