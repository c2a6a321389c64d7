// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLogFileIsRotated(t *testing.T) {
	t.Parallel()
	type line struct {
		after time.Duration // since the line before
		text  string
	}
	lines := []line{{0, "one\n"}, {time.Hour, "two\n"}, {23 * time.Hour, "three\n"}, {time.Hour, "four\n"}}
	for name, c := range map[string]struct {
		bytes    int64
		duration time.Duration
		maxFiles int
		want     []string // the files' contents, the oldest first
	}{
		"never":                       {0, 0, 0, []string{"one\ntwo\nthree\nfour\n"}},
		"by size":                     {8, 0, 0, []string{"one\ntwo\n", "three\n", "four\n"}},
		"each line":                   {1, 0, 0, []string{"one\n", "two\n", "three\n", "four\n"}},
		"by age":                      {0, 24 * time.Hour, 0, []string{"one\ntwo\n", "three\nfour\n"}},
		"by size and age":             {8, time.Hour, 0, []string{"one\n", "two\n", "three\n", "four\n"}},
		"two old ones are kept":       {1, 0, 2, []string{"two\n", "three\n", "four\n"}},
		"no old one is kept":          {1, 0, -1, []string{"four\n"}},
		"more are kept than there is": {1, 0, 9, []string{"one\n", "two\n", "three\n", "four\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, now := t.TempDir(), time.Unix(1_700_000_000, 0)
			// Files that only look alike are nobody's business here.
			for _, other := range []string{"agent.txt", "agent-old.log", "other-1700000000000000000.log"} {
				if err := os.WriteFile(filepath.Join(dir, other), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			l, err := openLogFile(filepath.Join(dir, "agent.log"), c.bytes, c.duration, c.maxFiles, func() time.Time { return now })
			if err != nil {
				t.Fatal(err)
			}
			for _, line := range lines {
				now = now.Add(line.after).Add(time.Nanosecond)
				if _, err := l.Write([]byte(line.text)); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, logContents(t, dir)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// logContents returns the contents of agent-<number>.log by number, and of
// agent.log.
func logContents(t *testing.T, dir string) []string {
	t.Helper()
	rotated, err := filepath.Glob(filepath.Join(dir, "agent-1*.log"))
	if err != nil {
		t.Fatal(err)
	}
	var contents []string
	for _, path := range append(rotated, filepath.Join(dir, "agent.log")) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		contents = append(contents, string(text))
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != len(contents)+3 {
		t.Errorf("%d files, want %d and 3 others: %v", len(all), len(contents), err)
	}
	return contents
}

// A log that cannot be rotated goes on in the file that it has.
func TestLogFileThatCannotBeRotated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "agent.log")
	now := time.Unix(1_700_000_000, 0)
	// Where the old file would go, there is a directory.
	if err := os.MkdirAll(filepath.Join(dir, "agent-1700000000000000000.log", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := openLogFile(path, 1, 0, 0, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, text := range []string{"one\n", "two\n"} {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Errorf("writing %q: %v", text, err)
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "one\ntwo\n" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}
