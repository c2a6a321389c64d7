// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package harness

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// WithVariable returns the processes that were started with an entry in their
// environment, name=value: those that a test has started so, and their
// descendants. Each is its number with its command line; zombies are none.
func WithVariable(t testing.TB, entry string) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environs {
		dir := filepath.Dir(path)
		environ, err := os.ReadFile(path)
		if err != nil || !slices.Contains(strings.Split(string(environ), "\x00"), entry) {
			continue // it has ended, belongs to somebody else, or is not ours
		}
		if line, err := os.ReadFile(filepath.Join(dir, "cmdline")); err == nil && len(line) > 0 {
			found = append(found, filepath.Base(dir)+" "+string(bytes.ReplaceAll(bytes.TrimRight(line, "\x00"), []byte{0}, []byte(" "))))
		}
	}
	return found
}
