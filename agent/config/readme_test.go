// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// hcl matches the configurations in a document.
var hcl = regexp.MustCompile("(?s)```hcl\n(.*?)```")

// Every configuration in the documentation loads without errors or warnings.
func TestDocuments(t *testing.T) {
	t.Parallel()
	found := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, match := range hcl.FindAllSubmatch(text, -1) {
				found++
				content := string(match[1])
				if !strings.Contains(content, "auto_auth") {
					content += login
				}
				_, problems := config.Load([]string{write(t, map[string]string{"a.hcl": content})}, config.Overrides{LookupEnv: noEnv})
				if len(problems) > 0 {
					t.Errorf("%s: %v", path, problems)
				}
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d configurations were found", found)
	}
}
