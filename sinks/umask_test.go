// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever the umask, a process without privileges can use the directories that it makes:
// with 0777 they have the mode 0000 at first, which keeps even their owner out.
func TestUmaskThatKeepsTheOwnerOut(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, umask := range []string{"0777", "0300", "0477", "0077"} {
		for name, way := range map[string]string{"file by file": keepOwner, "directory": inLinkDir + "publish", "recovering": inLinkDir + "recover"} {
			for _, missing := range []bool{true, false} {
				t.Run(umask+", "+name, func(t *testing.T) {
					t.Parallel()
					root := t.TempDir()
					must(t, os.Chmod(filepath.Dir(root), 0o755))
					must(t, os.Chown(root, another, another))
					dir := filepath.Join(root, "d")
					if !missing {
						for _, name := range []string{dir, filepath.Join(root, "a"), filepath.Join(root, "b")} {
							must(t, os.Mkdir(name, 0o755))
							must(t, os.Chown(name, another, another))
						}
						// left by a version that could not use it
						left := filepath.Join(dir, "..gen-1")
						must(t, os.Mkdir(left, 0))
						must(t, os.Chmod(left, 0))
						must(t, os.Chown(left, another, another))
					}
					for range 3 { // each attempt
						cmd := asProcess(root, another, way)
						cmd.Env = append(cmd.Env, "SINKS_TEST_UMASK="+umask)
						if out, err := cmd.CombinedOutput(); err != nil {
							t.Fatalf("%v: %s", err, out)
						}
					}
					if way == keepOwner {
						if n := onDisk(t, root); n != 2 || temps(t, root) != nil {
							t.Errorf("generation %d; left %v", n, temps(t, root))
						}
						return
					}
					if strings.Contains(way, "recover") {
						if _, err := os.Lstat(filepath.Join(dir, "..gen-1")); err == nil {
							t.Error("..gen-1 is left")
						}
						return
					}
					generations, err := filepath.Glob(filepath.Join(dir, "..gen-?"))
					must(t, err)
					if len(generations) > 2 { // the new one, and perhaps the empty one
						t.Errorf("left: %q", generations)
					}
					for _, name := range []string{"tls.crt", "certs/ca.crt"} {
						if content := read(t, filepath.Join(dir, name)); content == "" {
							t.Errorf("%s is empty", name)
						}
					}
				})
			}
		}
	}
}
