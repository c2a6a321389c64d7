// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/config"
)

// A verdict is what Vault Agent does with a configuration.
const (
	accepted = "OK"
	refused  = "LOAD_ERR"
	invalid  = "VALIDATE_ERR"
)

// quirkDifferences are the files on which certagent and Vault Agent differ, and
// why that is safe.
var quirkDifferences = map[string]struct{ verdict, why string }{
	"inj2.json": {accepted, "one method and one sink, both objects: Vault Agent mistakes them for two auto_auth blocks; " +
		"there is only one way to understand them"},
	"inj3.json": {accepted, "labels as keys within lists: Vault Agent does not see them as labels; " +
		"there is only one way to understand them"},
	"inj4.json": {accepted, "labels as keys within lists, as in inj3.json; what it says below sinks is refused at the start"},
	"json-label.json": {accepted, "labels as keys: Vault Agent mistakes method and sink for two auto_auth blocks; " +
		"there is only one way to understand them"},
	"tmpl-list.hcl": {accepted, "template as a list of objects, as in JSON"},
}

// verdict returns the verdict of Vault Agent that corresponds to problems.
// Start errors and unsupported features do not count, because Vault Agent does
// not report the former when it checks a configuration and does not refuse the
// latter.
func verdict(problems config.Problems) string {
	verdict := accepted
	for _, p := range problems {
		switch p.Kind {
		case config.LoadError:
			return refused
		case config.ValidateError:
			verdict = invalid
		}
	}
	return verdict
}

// noEnv is an empty environment.
func noEnv(string) (string, bool) { return "", false }

func TestQuirks(t *testing.T) {
	t.Parallel()
	verdicts := readVerdicts(t)
	for name, want := range verdicts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := config.Load([]string{filepath.Join("testdata", "quirks", name)}, config.Overrides{LookupEnv: noEnv})
			got := verdict(problems)
			difference, known := quirkDifferences[name]
			switch {
			case known && got != difference.verdict:
				t.Errorf("got %s, want %s\n%s", got, difference.verdict, problems.Error())
			case known && got == want:
				t.Error("is no difference any more: remove it from the table")
			case !known && got != want:
				t.Errorf("got %s, Vault Agent says %s\n%s", got, want, problems.Error())
			}
		})
	}
	for name := range quirkDifferences {
		if _, ok := verdicts[name]; !ok {
			t.Errorf("%s is in the table of differences, but there is no such file", name)
		}
	}
}

// readVerdicts reads verdicts.tsv, which lists every file of its directory.
func readVerdicts(t *testing.T) map[string]string {
	t.Helper()
	table, err := os.ReadFile("testdata/quirks/verdicts.tsv")
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(table)), "\n")[1:] {
		columns := strings.Split(line, "\t")
		verdicts[columns[0]] = columns[1]
	}
	files, err := filepath.Glob("testdata/quirks/*.[hj]*")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(verdicts) {
		t.Fatalf("%d files, but %d verdicts", len(files), len(verdicts))
	}
	return verdicts
}
