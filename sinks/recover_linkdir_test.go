// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnusableRecordInLinkDir: the current generation stays, and so do the previous ones.
// Publishing the same files again only rewrites the record.
func TestUnusableRecordInLinkDir(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(t *testing.T, path string)
		aside  bool // it is renamed
	}{
		"damaged": {func(t *testing.T, path string) { write(t, path, "{", 0o600) }, true},
		"changed": {func(t *testing.T, path string) {
			write(t, path, strings.Replace(read(t, path), "owed", "0wed", 1), 0o600)
		}, true},
		"another version": {func(t *testing.T, path string) { write(t, path, string(sealRecord([]byte(`{"version":2}`))), 0o600) }, true},
		"another's paths": {func(t *testing.T, path string) {
			write(t, path, string(sealRecord([]byte(`{"version":1,"name":"web","generation":2,"directory":"/etc","files":[{"path":"/etc/../passwd"}]}`))), 0o600)
		}, true},
		"by file": {func(t *testing.T, path string) {
			write(t, path, string(sealRecord([]byte(`{"version":1,"name":"web","generation":2,"files":[{"path":"/etc/passwd","sha256":"`+strings.Repeat("0", 64)+`"}]}`))), 0o600)
		}, true},
		"writable by others": {func(t *testing.T, path string) { must(t, os.Chmod(path, 0o622)) }, false},
		"link": {func(t *testing.T, path string) {
			must(t, errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			publishLinkDir(t, path, 1)
			publishLinkDir(t, path, 2)
			record := path + "/..gen-2.json"
			test.change(t, record)
			records, err := Recover(t.Context(), []string{path})
			if len(records) != 0 {
				t.Errorf("records %+v", records)
			}
			if err == nil || !strings.Contains(err.Error(), record) {
				t.Errorf("error %v", err)
			}
			if _, err := os.Lstat(record + ".bad"); (err == nil) != test.aside {
				t.Errorf("put aside: %v", err)
			}
			before := stat(t, path+"/..data/").Ino
			r := publishLinkDir(t, path, 2)
			if r.Generation != 2 || stat(t, path+"/..data/").Ino != before {
				t.Errorf("generation %d", r.Generation)
			}
			records, err = Recover(t.Context(), []string{path})
			if err != nil || len(records) != 1 || !records[0].Intact || records[0].Generation != 2 {
				t.Errorf("records %+v, error %v", records, err)
			}
			if r := rollBack(t, path); r.Generation != 1 {
				t.Errorf("rolled back to generation %d", r.Generation)
			}
		})
	}
}

// TestRecoverRestoresDataLink: if the link to the current generation is lost, the newest
// complete generation is not removed.
func TestRecoverRestoresDataLink(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, path string){
		"link": func(t *testing.T, path string) { must(t, os.Remove(path+"/..data")) },
		"other target": func(t *testing.T, path string) {
			must(t, errors.Join(os.Remove(path+"/..data"), os.Symlink("..gen-9", path+"/..data")))
		},
		"and a damaged": func(t *testing.T, path string) {
			must(t, errors.Join(os.Remove(path+"/..data"), os.CopyFS(path+"/..gen-3", os.DirFS(path+"/..gen-1"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			publishLinkDir(t, path, 1)
			publishLinkDir(t, path, 2)
			lose(t, path)
			records, err := Recover(t.Context(), []string{path})
			must(t, err)
			if len(records) != 1 || records[0].Generation != 2 || !records[0].Intact {
				t.Errorf("records %+v", records)
			}
			wantListing(t, path, append(stableLinks, "..data -> ..gen-2", "..gen-1", "..gen-1.json", "..gen-2", "..gen-2.json")...)
		})
	}
}

// TestRecoverLeavesOthersAlone: a volume of Kubernetes, other files, and names that only
// resemble ours.
func TestRecoverLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	for _, name := range []string{"..gen-", "..gen-01", "..gen-1.json.bad", "..gen-x", "..rejected-", "README", "..2026"} {
		write(t, filepath.Join(path, name), "mine", 0o600)
	}
	must(t, os.Symlink("..data/other", path+"/renamed")) // a link into the generation that is not ours
	must(t, os.Mkdir(path+"/..rejected-0", 0o700))
	publishLinkDir(t, path, 1)
	before := listing(t, path)
	if _, err := Recover(t.Context(), []string{path}); err != nil {
		t.Error(err)
	}
	wantListing(t, path, before...)

	volume := t.TempDir()
	must(t, os.Mkdir(volume+"/..gen-7", 0o755))
	must(t, os.Mkdir(volume+"/..2026", 0o755))
	must(t, os.Symlink("..2026", volume+"/..data"))
	must(t, os.Symlink("..data/gone", volume+"/gone"))
	before = listing(t, volume)
	records, err := Recover(t.Context(), []string{volume})
	if err != nil || records != nil {
		t.Errorf("%v, %v", records, err)
	}
	wantListing(t, volume, before...)
}

// TestChangedGeneration: the payload is returned even if the files are not as recorded.
func TestChangedGeneration(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"content": func(t *testing.T, path string) { write(t, path+"/..data/tls.crt", "changed", 0o640) },
		"missing": func(t *testing.T, path string) { must(t, os.Remove(path+"/certs/ca.crt")) },
		"file over": func(t *testing.T, path string) {
			must(t, os.Remove(path+"/tls.crt"))
			write(t, path+"/tls.crt", "changed", 0o640)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := t.TempDir()
			publishLinkDir(t, path, 1)
			change(t, path)
			records, err := Recover(t.Context(), []string{path})
			if err != nil || len(records) != 1 || records[0].Intact || string(records[0].Payload) != `{"owed":1}` {
				t.Errorf("records %+v, error %v", records, err)
			}
			publishLinkDir(t, path, 1)
			records, err = Recover(t.Context(), []string{path})
			if err != nil || len(records) != 1 || !records[0].Intact {
				t.Errorf("after publishing: records %+v, error %v", records, err)
			}
		})
	}
}

// TestLinkDirToJournalAndBack: a bundle that is published file by file again, in the same
// directory, has the record of the Journal.
func TestLinkDirToJournalAndBack(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	publishLinkDir(t, path, 1, "tls.key", "tls.crt")
	_, g := bundle(path, 2, "tls.key", "tls.crt")
	for i := range g.Files {
		g.Files[i].Path = filepath.Join(path, g.Files[i].Path)
	}
	publish(t, g)
	records, err := Recover(t.Context(), []string{path})
	must(t, err)
	if len(records) != 1 || records[0].Directory != "" || !records[0].Intact || string(records[0].Payload) != `{"owed":2}` {
		t.Fatalf("records %+v", records)
	}
	r := publishLinkDir(t, path, 3, "tls.key", "tls.crt")
	if !slices.Equal(r.Previous, []uint64{1}) {
		t.Errorf("record %+v", r)
	}
	records, err = Recover(t.Context(), []string{path})
	if err != nil || len(records) != 1 || records[0].Generation != 3 || records[0].Directory != path {
		t.Errorf("records %+v, error %v", records, err)
	}
}

// TestLinkDirMoved: links and records are valid under another path.
func TestLinkDirMoved(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	publishLinkDir(t, root+"/old", 1)
	must(t, os.Rename(root+"/old", root+"/new"))
	records, err := Recover(t.Context(), []string{root + "/new"})
	must(t, err)
	if len(records) != 1 || !records[0].Intact || records[0].Directory != root+"/new" || records[0].Files[0].Path != root+"/new/tls.key" {
		t.Errorf("records %+v", records)
	}
}

func TestLinkDirEndsWithContext(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, g := bundle(path, 1)
	if _, err := d.Publish(ctx, g); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantListing(t, path)
}

// TestLinkDirUnprivileged: an unprivileged agent adopts the files that it may read.
func TestLinkDirUnprivileged(t *testing.T) {
	t.Parallel()
	needRoot(t)
	const nobody = 65534
	for name, test := range map[string]struct {
		mode os.FileMode // of the existing key, which belongs to root
		want string      // in the error
	}{
		"readable":   {0o604, ""},
		"unreadable": {0o600, "/d/tls.key\": adopting the existing file: permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			d := root + "/d"
			must(t, os.Mkdir(d, 0o755))
			write(t, d+"/tls.key", string(contentOf("tls.key", 1)), test.mode)
			for _, dir := range []string{root, d} {
				must(t, os.Chown(dir, nobody, nobody))
			}
			must(t, os.Chmod(filepath.Dir(root), 0o755))
			before := listing(t, d)
			out, err := asProcess(root, nobody, inLinkDir+"publish").CombinedOutput()
			if (err != nil) != (test.want != "") || !bytes.Contains(out, []byte(test.want)) {
				t.Errorf("%v: %s", err, out)
			}
			if test.want != "" {
				wantListing(t, d, before...)
			} else if got := read(t, d+"/tls.key"); got != string(contentOf("tls.key", 2)) {
				t.Errorf("the key is %q", got)
			}
		})
	}
	t.Run("directory without write permission", func(t *testing.T) {
		t.Parallel()
		root := t.TempDir()
		must(t, os.Chown(root, nobody, nobody))
		must(t, os.Chmod(filepath.Dir(root), 0o755))
		for range 5 { // the oldest generation can be removed nevertheless
			if out, err := asProcess(root, nobody, inLinkDir+"publish 0550").CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			must(t, os.Remove(root+"/d/..data/new.crt")) // so that the next one differs
		}
		if left, _ := filepath.Glob(root + "/d/..gen-*[0-9]"); len(left) != 3 {
			t.Errorf("left %v", left)
		}
		if err := unix.Access(root+"/d/..gen-5", unix.F_OK); err != nil {
			t.Error(err)
		}
	})
}
