// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCompareInLinkDir(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, path string)
		want   []Status // of tls.crt, tls.key, certs/ca.crt
		err    error
	}{
		"nothing":        {func(*testing.T, string) {}, []Status{Same, Same, Same}, nil},
		"content":        {func(t *testing.T, path string) { write(t, path+"/..data/tls.crt", "other", 0o640) }, []Status{Content, Same, Same}, nil},
		"equal size":     {func(t *testing.T, path string) { write(t, path+"/tls.key", string(contentOf("tls.key", 2)), 0o640) }, []Status{Same, Content, Same}, nil},
		"missing file":   {func(t *testing.T, path string) { must(t, os.Remove(path+"/certs/ca.crt")) }, []Status{Same, Same, Content}, nil},
		"mode":           {func(t *testing.T, path string) { must(t, os.Chmod(path+"/tls.key", 0o644)) }, []Status{Same, Drift, Same}, nil},
		"directory mode": {func(t *testing.T, path string) { must(t, os.Chmod(path+"/..data/", 0o755)) }, []Status{Drift, Drift, Drift}, nil},
		"missing link":   {func(t *testing.T, path string) { must(t, os.Remove(path+"/certs")) }, []Status{Same, Same, Content}, nil},
		"plain file": {func(t *testing.T, path string) {
			must(t, os.Remove(path+"/tls.key"))
			write(t, path+"/tls.key", string(contentOf("tls.key", 1)), 0o640)
		}, []Status{Same, Content, Same}, nil},
		"foreign link": {func(t *testing.T, path string) {
			must(t, os.Remove(path+"/tls.crt"))
			must(t, os.Symlink("..gen-1/tls.crt", path+"/tls.crt"))
		}, []Status{Unknown, Same, Same}, errForeignLink},
		"missing generation": {func(t *testing.T, path string) { must(t, os.RemoveAll(path+"/..gen-1")) }, []Status{Content, Content, Content}, nil},
		"missing directory":  {func(t *testing.T, path string) { must(t, os.RemoveAll(path)) }, []Status{Content, Content, Content}, nil},
		"another publisher": {func(t *testing.T, path string) {
			must(t, os.Remove(path+"/..data"))
			must(t, os.Symlink("..2026", path+"/..data"))
		}, []Status{Unknown, Unknown, Unknown}, errForeignData},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tls")
			publishLinkDir(t, path, 1)
			test.change(t, path)
			d, g := bundle(path, 1)
			got, err := d.Compare(g.Files)
			if fmt.Sprint(got) != fmt.Sprint(test.want) || !errors.Is(err, test.err) {
				t.Errorf("%v, %v; want %v, %v", got, err, test.want, test.err)
			}
			if test.err != nil {
				return
			}
			// Publish repairs each of these; drift does not need a new generation.
			r := publishLinkDir(t, path, 1)
			drifted := true
			for _, status := range test.want {
				drifted = drifted && status != Content
			}
			if drifted && r.Generation != 1 {
				t.Errorf("generation %d", r.Generation)
			}
			if got, err := d.Compare(g.Files); err != nil || fmt.Sprint(got) != fmt.Sprint([]Status{Same, Same, Same}) {
				t.Errorf("after publishing: %v, %v", got, err)
			}
		})
	}
}

func TestRepairInLinkDir(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	publishLinkDir(t, path, 1)
	d, g := bundle(path, 1)
	before := stat(t, path+"/..data/tls.key")
	must(t, os.Chmod(path+"/tls.key", 0o644))
	must(t, os.Chmod(path+"/..data/", 0o700))
	must(t, d.Repair(g.Files[1]))
	after := stat(t, path+"/..data/tls.key")
	if after.Mode != 0o100640 || after.Ino != before.Ino || after.Mtim != before.Mtim {
		t.Errorf("before %+v\nafter %+v", before, after)
	}
	if mode := stat(t, path+"/..gen-1").Mode; mode != 0o40750 {
		t.Errorf("mode of the generation's directory: %o", mode)
	}
	g.Files[0].Path = "missing"
	wantError(t, d.Repair(g.Files[0]), unix.ENOENT, path, "")
	d.Path = t.TempDir()
	wantError(t, d.Repair(g.Files[1]), unix.ENOENT, d.Path, "")
}

func TestOwnersInLinkDir(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := filepath.Join(t.TempDir(), "tls")
	d, g := bundle(path, 1)
	d.Mode, d.UID, d.GID = 0o710, 12, 34
	for i := range g.Files {
		g.Files[i].UID, g.Files[i].GID = 56, 78
	}
	_, err := d.Publish(t.Context(), g)
	must(t, err)
	for name, want := range map[string][3]uint32{
		"": {0o40710, 12, 34}, "..gen-1": {0o40710, 12, 34}, "..gen-1/certs": {0o40710, 12, 34}, "..gen-1/tls.key": {0o100640, 56, 78}, "..gen-1.json": {0o100600, 0, 0},
	} {
		if st := stat(t, filepath.Join(path, name)); [3]uint32{st.Mode, st.Uid, st.Gid} != want {
			t.Errorf("%q: %o %d %d, want %o", name, st.Mode, st.Uid, st.Gid, want)
		}
	}
}

func TestClaimOfLinkDir(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tls")
	d, g := bundle(path, 1)
	held, err := claim(d, g.Files)
	must(t, err)
	defer held.Close()
	if mode := stat(t, path).Mode; mode != 0o40750 {
		t.Errorf("mode %o", mode)
	}
	_, other := bundle(path, 1, "other")
	_, err = claim(d, other.Files) // no two bundles have one directory
	wantError(t, err, ErrClaimed, path, "stop the other process")
	_, err = claimFiles([]File{{Path: path + "/tls.crt"}})
	wantError(t, err, ErrClaimed, path+"/tls.crt", "stop the other process")
	_, err = claimFiles([]File{{Path: path + "/other"}})
	must(t, err)
	publishLinkDir(t, path, 1)
	if _, err := Recover(t.Context(), []string{path}); err != nil {
		t.Error(err)
	}
	if _, err := claim(d, g.Files); !errors.Is(err, ErrClaimed) {
		t.Errorf("after Recover: %v", err)
	}
}
