// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheckDestination(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		path       string
		createDirs bool
		make       func(t *testing.T, dir string)
		want       error
		hint       string
	}{
		"writable":               {path: "f"},
		"replaceable":            {path: "f", make: func(t *testing.T, dir string) { write(t, dir+"/f", "", 0o600) }},
		"missing directory":      {path: "x/y/f", want: unix.ENOENT},
		"directory to be made":   {path: "x/y/f", createDirs: true},
		"not replaceable":        {path: "f", make: func(t *testing.T, dir string) { must(t, os.Mkdir(dir+"/f", 0o700)) }, want: unix.EISDIR},
		"parent is a file":       {path: "f/f", createDirs: true, make: func(t *testing.T, dir string) { write(t, dir+"/f", "", 0o600) }, want: unix.ENOTDIR},
		"read-only":              {path: "f", make: func(t *testing.T, dir string) { mount(t, "x", dir, "tmpfs", unix.MS_RDONLY, "") }, want: unix.EROFS, hint: "read-only"},
		"read-only further up":   {path: "x/f", createDirs: true, make: func(t *testing.T, dir string) { mount(t, "x", dir, "tmpfs", unix.MS_RDONLY, "") }, want: unix.EROFS},
		"open to all":            {path: "f", make: func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o777)) }, want: ErrExposed, hint: "sticky"},
		"open to all but sticky": {path: "f", make: func(t *testing.T, dir string) { must(t, os.Chmod(dir, os.ModeSticky|0o777)) }},
		"open to the own group":  {path: "f", make: func(t *testing.T, dir string) { must(t, os.Chmod(dir, 0o770)) }},
		"open to a group": {path: "f", make: func(t *testing.T, dir string) {
			needRoot(t)
			must(t, errors.Join(os.Chown(dir, 0, 1234), os.Chmod(dir, 0o770)))
		}, want: ErrExposed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			must(t, os.Chmod(dir, 0o755))
			if test.make != nil {
				test.make(t, dir)
			}
			before := contents(t, dir)
			path := filepath.Join(dir, test.path)
			err := CheckDestination(path, test.createDirs)
			if test.want == nil && err != nil {
				t.Error(err)
			}
			if test.want != nil {
				wantError(t, err, test.want, filepath.Dir(path), test.hint)
			}
			if after := contents(t, dir); len(after) != len(before) || temps(t, dir) != nil {
				t.Errorf("left %v, %v", after, temps(t, dir))
			}
		})
	}
}

// Anybody who may read a directory can lock it. The check is made for each directory
// before the login, and must not wait for them.
func TestCheckDestinationWaitsForNoLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tls.crt")
	held, err := os.Open(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := unix.Flock(int(held.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := CheckDestination(path, false); err != nil {
		t.Errorf("a locked directory is not one that cannot be written to: %v", err)
	}
}
