// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// A link of another user on the way to a destination is followed only to a directory of
// his own: he must not make this process write where he may not.
func TestLinksOfOthersOnTheWay(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, test := range map[string]struct {
		link, target int // the owners
		how          func(root string) (path, target string)
		refused      bool
	}{
		"root's link to root's directory":               {0, 0, absolute, false},
		"root's link to another user's directory":       {0, another, absolute, false},
		"another user's link to his directory":          {another, another, relative, false},
		"another user's link to root's directory":       {another, 0, absolute, true},
		"the same, relative":                            {another, 0, relative, true},
		"another user's link to a third one's":          {another, another + 1, absolute, true},
		"another user's link further up":                {another, 0, above, true},
		"another user's link that leads to root's link": {another, 0, twice, true},
	} {
		for _, kernel := range []string{"new", "old"} { // an old one does not know openat2(2)
			t.Run(name+", "+kernel+" kernel", func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				must(t, os.MkdirAll(filepath.Join(root, "target", "sub"), 0o755))
				must(t, os.Chown(filepath.Join(root, "target"), test.target, test.target))
				must(t, os.Symlink(filepath.Join(root, "target"), filepath.Join(root, "second")))
				must(t, os.Mkdir(filepath.Join(root, "home"), 0o755))
				must(t, os.Chown(filepath.Join(root, "home"), test.link, test.link))
				dir, target := test.how(root)
				link := filepath.Join(root, "home", "tls")
				must(t, os.Symlink(target, link))
				must(t, os.Lchown(link, test.link, test.link))

				if kernel == "old" {
					w := walk{}
					defer w.close()
					top, err := w.open(unix.AT_FDCWD, "/", 0)
					must(t, err)
					if _, err := w.resolve(top, dir); errors.Is(err, ErrForeignLink) != test.refused {
						t.Error(err)
					}
					return
				}
				for how, publish := range map[string]func() error{
					"file by file": func() error {
						f := File{Path: filepath.Join(dir, "f"), Content: redact.Bytes("x"), UID: -1, GID: -1, CreateDirs: true}
						_, err := journal.Publish(t.Context(), Generation{Name: "web", Number: 1, Files: []File{f}})
						return err
					},
					"directory": func() error {
						f := File{Path: "g", Content: redact.Bytes("x"), UID: -1, GID: -1}
						_, err := LinkDir{Path: dir, UID: -1, GID: -1}.Publish(t.Context(), Generation{Name: "web", Number: 1, Files: []File{f}})
						return err
					},
					"token": func() error {
						return Token{Path: filepath.Join(dir, "t"), UID: -1, GID: -1}.Write(t.Context(), redact.Bytes("x"))
					},
					"check": func() error { return CheckDestination(filepath.Join(dir, "c"), true) },
					"repair": func() error {
						return journal.Repair(File{Path: filepath.Join(dir, "f"), Mode: 0o600, UID: -1, GID: -1})
					},
				} {
					err := publish()
					if !test.refused && how == "repair" {
						continue // there may be no file yet
					}
					if errors.Is(err, ErrForeignLink) != test.refused || !test.refused && err != nil && !errors.Is(err, ErrExposed) {
						t.Errorf("%s: %v", how, err)
					}
				}
				if left := listing(t, filepath.Join(root, "target")); test.refused && len(left) != 1 {
					t.Errorf("the directory holds %q", left)
				}
			})
		}
	}
}

func absolute(root string) (string, string) {
	return filepath.Join(root, "home", "tls"), filepath.Join(root, "target")
}

func relative(root string) (string, string) {
	return filepath.Join(root, "home", "tls"), "../target"
}

func above(root string) (string, string) {
	return filepath.Join(root, "home", "tls", "sub"), "../home/../target"
}

func twice(root string) (string, string) {
	return filepath.Join(root, "home", "tls"), "../second"
}

func TestLinksWithoutEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	must(t, os.Symlink("b", filepath.Join(dir, "a")))
	must(t, os.Symlink("a", filepath.Join(dir, "b")))
	if _, err := openUnlocked(filepath.Join(dir, "a")); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
}

func TestExposures(t *testing.T) {
	t.Parallel()
	needRoot(t)
	root := t.TempDir()
	dir := filepath.Join(root, "home", "tls")
	must(t, os.MkdirAll(dir, 0o755))
	must(t, os.Chown(filepath.Join(root, "home"), another, another))
	path := filepath.Join(dir, "missing", "f")
	if found := Exposures(path); len(found) != 1 || found[0] != (Exposure{filepath.Join(root, "home"), another}) {
		t.Errorf("%v", found)
	}
	if found := Exposures(path, another); found != nil {
		t.Errorf("of a trusted user: %v", found)
	}
}
