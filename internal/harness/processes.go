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

// AwaitClosed waits until no child of this process has a file open whose path
// matches the pattern. When a test starts a program, the new process has copies of
// all files that other tests have open, until it has become that program: of one
// that is written to, or of one that holds a lock.
func AwaitClosed(t testing.TB, pattern string) {
	t.Helper()
	Eventually(t, "no child has "+pattern+" open", func() bool {
		for _, pid := range children() {
			fds, _ := filepath.Glob("/proc/" + pid + "/fd/*") // the pattern is right
			for _, fd := range fds {
				path, _ := os.Readlink(fd) // it may have been closed meanwhile
				if match, err := filepath.Match(pattern, path); match || err != nil {
					return false
				}
			}
		}
		return true
	})
}

// children returns the numbers of this process's children.
func children() []string {
	var all []string
	lists, _ := filepath.Glob("/proc/self/task/*/children") // the pattern is right
	for _, path := range lists {
		list, _ := os.ReadFile(path) // the thread may have ended
		all = append(all, strings.Fields(string(list))...)
	}
	return all
}
