// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/agent/config"
)

var update = flag.Bool("update", false, "write the .want files of testdata/bad anew")

// TestBad loads files with one mistake each. The file .want beside each of them
// holds the exact problems, each after its kind.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.[hj]*")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			c, problems := config.Load([]string{file}, config.Overrides{LookupEnv: noEnv})
			if len(problems) == 0 {
				t.Fatal("no problem was found")
			}
			if (c == nil) != (len(problems.Errors()) > 0) {
				t.Errorf("the configuration is nil: %v; errors: %d", c == nil, len(problems.Errors()))
			}
			got := describe(problems)
			wantFile := strings.TrimSuffix(file, filepath.Ext(file)) + ".want"
			if *update {
				if err := os.WriteFile(wantFile, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(wantFile)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func describe(problems config.Problems) string {
	var b strings.Builder
	for _, p := range problems {
		message := strings.ReplaceAll(p.Error(), "testdata/bad/", "")
		fmt.Fprintf(&b, "[%s]\n%s\n", p.Kind, message)
	}
	return b.String()
}
