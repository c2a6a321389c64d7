// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// A directory of another user's, in which he gives root's directories the names of
// generations: he could not remove these himself. Those that certagent made are removed.
func TestOnlyWhatWasMadeHereIsRemoved(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, test := range map[string]struct {
		prepare func(t *testing.T, dir string)
		left    string // the file that must stay; "": nothing may
	}{
		"root's directory": {func(t *testing.T, dir string) {
			tree(t, filepath.Join(dir, "..gen-1"), 0, 0o700)
		}, "..gen-1/sub/file"},
		"root's directory in place of a rejected one": {func(t *testing.T, dir string) {
			tree(t, filepath.Join(dir, "..rejected-1"), 0, 0o700)
		}, "..rejected-1/sub/file"},
		"root's directory in one of his": {func(t *testing.T, dir string) {
			tree(t, filepath.Join(dir, "..gen-1"), another, 0o755)
			tree(t, filepath.Join(dir, "..gen-1", "backup"), 0, 0o700)
		}, "..gen-1/backup/sub/file"},
		"with the record of a generation": {func(t *testing.T, dir string) {
			publishAs(t, dir, "old")
			must(t, os.Rename(filepath.Join(dir, "..gen-1"), filepath.Join(dir, "moved")))
			tree(t, filepath.Join(dir, "..gen-1"), 0, 0o700)
		}, "..gen-1/sub/file"},
		"a generation that was never finished": {func(t *testing.T, dir string) {
			tree(t, filepath.Join(dir, "..gen-1"), 0, unfinished)
		}, ""},
		"an empty directory": {func(t *testing.T, dir string) {
			must(t, os.Mkdir(filepath.Join(dir, "..gen-1"), 0o700))
		}, ""},
		"a generation": {func(t *testing.T, dir string) { publishAs(t, dir, "old") }, ""},
		"his own":      {func(t *testing.T, dir string) { tree(t, filepath.Join(dir, "..gen-1"), another, 0o755) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "d")
			must(t, os.Mkdir(dir, 0o755))
			must(t, os.Chown(dir, another, another))
			test.prepare(t, dir)
			for i := range 4 { // the generations of three are kept
				publishAs(t, dir, "new "+strconv.Itoa(i))
			}
			_, err := Recover(t.Context(), []string{dir})
			if test.left == "" {
				must(t, err)
				for _, name := range listing(t, dir) {
					if name == "..gen-1" || strings.HasPrefix(name, rejectedPrefix) {
						t.Errorf("%s was not removed", name)
					}
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), errNotMade.Error()) {
				t.Errorf("Recover: %v", err)
			}
			if content := read(t, filepath.Join(dir, test.left)); content != "precious" {
				t.Errorf("content %q", content)
			}
		})
	}
}

// A rejected generation is certagent's too, although its record is gone.
func TestRejectedGenerationOfAnotherUsersDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := filepath.Join(t.TempDir(), "d")
	must(t, os.Mkdir(dir, 0o755))
	must(t, os.Chown(dir, another, another))
	publishAs(t, dir, "old")
	for i := range 3 {
		publishAs(t, dir, "bad "+strconv.Itoa(i))
		_, err := LinkDir{Path: dir, UID: -1, GID: -1}.Rollback(t.Context(), Generation{Name: "web"})
		must(t, err)
	}
	rejected, err := filepath.Glob(filepath.Join(dir, rejectedPrefix+"*"))
	if must(t, err); len(rejected) != 1 {
		t.Errorf("rejected generations: %q", rejected)
	}
}

func publishAs(t *testing.T, dir, content string) {
	t.Helper()
	f := File{Path: "tls.crt", Content: redact.Bytes(content), UID: -1, GID: -1}
	_, err := LinkDir{Path: dir, UID: -1, GID: -1}.Publish(t.Context(), Generation{Name: "web", Number: 1, Files: []File{f}})
	must(t, err)
}

// tree makes a directory with a file in a subdirectory.
func tree(t *testing.T, dir string, uid int, mode uint32) {
	t.Helper()
	sub := filepath.Join(dir, "sub")
	must(t, os.MkdirAll(sub, 0o755))
	must(t, os.WriteFile(filepath.Join(sub, "file"), []byte("precious"), 0o600))
	must(t, os.Chown(sub, uid, uid))
	must(t, os.Chown(dir, uid, uid))
	must(t, unix.Chmod(dir, mode))
}
