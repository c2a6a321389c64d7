// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/certagent/certagent/redact"
)

// A key's mode and owner are not those of a file that another user has put there
// beforehand; they are kept where nobody else could have.
func TestKeyInheritsNothingFromOthers(t *testing.T) {
	t.Parallel()
	needRoot(t)
	type place struct {
		uid  int
		mode fs.FileMode
	}
	sticky, private, their := place{0, 0o777 | fs.ModeSticky}, place{0, 0o755}, place{another, 0o755}
	for name, test := range map[string]struct {
		dir     place
		put     func(t *testing.T, path string)
		key     bool
		content string
		uid     int
		mode    uint32
	}{
		"file of another user in a sticky directory":     {sticky, ownedBy(another, 0o644), true, "new", 0, 0o600},
		"the same for a certificate":                     {sticky, ownedBy(another, 0o666), false, "new", 0, 0o644},
		"which holds the new content already":            {sticky, ownedBy(another, 0o644), true, "old", 0, 0o600},
		"link of another user to a file of his":          {sticky, linkOf(another, another, 0o666), true, "new", 0, 0o600},
		"link of another user to a program of root's":    {sticky, linkOf(another, 0, 0o755|fs.ModeSetuid), false, "new", 0, 0o644},
		"root's link to a file of another user":          {private, linkOf(0, another, 0o666), true, "new", 0, 0o600},
		"root's link to a file of root's":                {private, linkOf(0, 0, 0o640), true, "new", 0, 0o640},
		"file given to another user in root's directory": {private, ownedBy(another, 0o600), true, "new", another, 0o600},
		"that others can read":                           {private, ownedBy(another, 0o644), true, "new", another, 0o600},
		"file of the directory's owner":                  {their, ownedBy(another, 0o640), true, "new", another, 0o640},
		"file of a third user":                           {their, ownedBy(another+1, 0o640), true, "new", 0, 0o600},
		"root's key that everybody can read":             {private, ownedBy(0, 0o644), true, "old", 0, 0o600},
	} {
		for _, how := range []string{"file by file", "directory"} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				dir := filepath.Join(root, "d")
				must(t, os.Mkdir(dir, 0o755))
				path := filepath.Join(dir, "tls.key")
				test.put(t, path)
				must(t, os.Chmod(dir, test.dir.mode))
				must(t, os.Chown(dir, test.dir.uid, test.dir.uid))
				f := File{Path: path, Content: redact.Bytes(test.content), UID: -1, GID: -1, Key: test.key}
				g := Generation{Name: "web", Number: 1, Files: []File{f}}
				if how == "directory" {
					if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
						t.Skip("a foreign link is refused")
					}
					_, err := LinkDir{Path: dir, UID: -1, GID: -1}.Publish(t.Context(), g)
					must(t, err)
				} else {
					publish(t, g)
				}
				path, err := filepath.EvalSymlinks(path)
				must(t, err)
				if st := stat(t, path); int(st.Uid) != test.uid || st.Mode&0o7777 != test.mode {
					t.Errorf("owner %d, mode %o, want %d, %o", st.Uid, st.Mode&0o7777, test.uid, test.mode)
				}
				if content := read(t, path); content != test.content {
					t.Errorf("content %q", content)
				}
			})
		}
	}
}

func ownedBy(uid int, mode fs.FileMode) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		must(t, os.WriteFile(path, []byte("old"), 0o600))
		must(t, os.Chown(path, uid, uid))
		must(t, os.Chmod(path, mode))
	}
}

// linkOf puts a link there, with its owner and that of the file it leads to.
func linkOf(link, target int, mode fs.FileMode) func(t *testing.T, path string) {
	return func(t *testing.T, path string) {
		file := filepath.Join(filepath.Dir(filepath.Dir(path)), "target")
		ownedBy(target, mode)(t, file)
		must(t, os.Symlink(file, path))
		must(t, os.Lchown(path, link, link))
	}
}
