// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/certagent/certagent/redact"
)

// bundle returns a LinkDir and a generation of some files, the key not first.
func bundle(path string, n int, names ...string) (LinkDir, Generation) {
	if len(names) == 0 {
		names = []string{"tls.crt", "tls.key", "certs/ca.crt"}
	}
	g := Generation{Name: "web", Number: uint64(n), Payload: json.RawMessage(fmt.Sprintf(`{"owed":%d}`, n))}
	for _, name := range names {
		g.Files = append(g.Files, File{
			Path: name, Content: contentOf(name, n), Mode: 0o640, UID: os.Getuid(), GID: os.Getgid(), Key: strings.HasSuffix(name, ".key"),
		})
	}
	return LinkDir{Path: path, UID: os.Getuid(), GID: os.Getgid()}, g
}

// contentOf returns content that ends with the number of the generation; its length does
// not depend on the number.
func contentOf(name string, n int) redact.Bytes {
	return redact.Bytes(fmt.Sprintf("%s of generation %d", name, n))
}

func publishLinkDir(t testing.TB, path string, n int, names ...string) Record {
	t.Helper()
	d, g := bundle(path, n, names...)
	r, err := d.Publish(t.Context(), g)
	if err != nil {
		t.Fatal(err)
	}
	if r.CleanupErr != nil {
		t.Fatal(r.CleanupErr)
	}
	return r
}

func rollBack(t testing.TB, path string) Record {
	t.Helper()
	d, _ := bundle(path, 0)
	r, err := d.Rollback(t.Context(), Generation{Name: "web", Payload: json.RawMessage(`{"owed":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	if r.CleanupErr != nil {
		t.Fatal(r.CleanupErr)
	}
	return r
}

// listing returns the names in a directory, links with their targets.
// listing leaves out lock files.
func listing(t testing.TB, path string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(path)
	must(t, err)
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, lockSuffix) {
			continue
		}
		if target, err := os.Readlink(filepath.Join(path, name)); err == nil {
			name += " -> " + target
		}
		names = append(names, name)
	}
	return names
}

func wantListing(t testing.TB, path string, want ...string) {
	t.Helper()
	slices.Sort(want)
	if got := listing(t, path); !slices.Equal(got, want) {
		t.Errorf("%s holds\n     %s\nwant %s", path, strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

var stableLinks = []string{"certs -> ..data/certs", "tls.crt -> ..data/tls.crt", "tls.key -> ..data/tls.key"}

func TestLinkDir(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "etc", "tls")
	for n := 1; n <= 4; n++ {
		r := publishLinkDir(t, path, n)
		if r.Generation != uint64(n) || !r.Intact || string(r.Payload) != fmt.Sprintf(`{"owed":%d}`, n) || r.Directory != path {
			t.Errorf("record %+v", r)
		}
		for _, f := range r.Files {
			if got, want := read(t, f.Path), string(contentOf(strings.TrimPrefix(f.Path, path+"/"), n)); got != want {
				t.Errorf("%s holds %q, want %q", f.Path, got, want)
			}
		}
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-4", "..gen-2", "..gen-2.json", "..gen-3", "..gen-3.json", "..gen-4", "..gen-4.json")...)
	wantListing(t, filepath.Join(path, "..gen-4"), "certs", "tls.crt", "tls.key")
	for name, want := range map[string]uint32{
		"": 0o40750, "..gen-4": 0o40750, "..gen-4/certs": 0o40750, "..gen-4/tls.key": 0o100640, "..gen-4.json": 0o100600,
	} {
		if mode := stat(t, filepath.Join(path, name)).Mode; mode != want {
			t.Errorf("mode of %q: %o, want %o", name, mode, want)
		}
	}
	records, err := Recover(t.Context(), []string{path})
	must(t, err)
	if len(records) != 1 || records[0].Generation != 4 || !records[0].Intact || !slices.Equal(records[0].Previous, []uint64{3, 2}) {
		t.Errorf("records %+v", records)
	}
}

// TestLinkDirLeavesEqualFilesAlone: no name and no time changes in the directory or in a
// generation.
func TestLinkDirLeavesEqualFilesAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tls")
	first := publishLinkDir(t, path, 1)
	stamps := func() (all []string) {
		must(t, filepath.WalkDir(path, func(p string, _ os.DirEntry, err error) error {
			st := stat(t, p)
			all = append(all, fmt.Sprint(p, st.Ino, st.Mtim, st.Ctim))
			return err
		}))
		return all
	}
	before := stamps()
	again := publishLinkDir(t, path, 1)
	if after := stamps(); !slices.Equal(before, after) {
		t.Errorf("before %v\nafter %v", before, after)
	}
	if fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("records %+v and %+v", first, again)
	}

	// Only the payload changes.
	d, g := bundle(path, 1)
	g.Payload = json.RawMessage(`{"owed":9}`)
	r, err := d.Publish(t.Context(), g)
	must(t, err)
	records, err := Recover(t.Context(), []string{path})
	must(t, err)
	if r.Generation != 1 || len(records) != 1 || string(records[0].Payload) != `{"owed":9}` {
		t.Errorf("record %+v, recovered %+v", r, records)
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-1", "..gen-1", "..gen-1.json")...)
}

// TestLinkDirChangesNames: a generation may add and remove names.
func TestLinkDirChangesNames(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	write(t, filepath.Join(path, "README"), "mine", 0o600)
	must(t, os.Symlink("README", filepath.Join(path, "LIESMICH")))
	foreign := []string{"LIESMICH -> README", "README"}
	publishLinkDir(t, path, 1, "a.key", "b", "c")
	publishLinkDir(t, path, 2, "a.key", "c", "d")
	want := append(foreign, "..gen-1", "..gen-1.json", "..gen-2", "..gen-2.json", "a.key -> ..data/a.key", "c -> ..data/c")
	wantListing(t, path, append(want, "..data -> ..gen-2", "d -> ..data/d")...)
	rollBack(t, path)
	want = append(foreign, "..gen-1", "..gen-1.json", "..rejected-2", "a.key -> ..data/a.key", "c -> ..data/c")
	wantListing(t, path, append(want, "..data -> ..gen-1", "b -> ..data/b")...)
	if _, err := Recover(t.Context(), []string{path}); err != nil {
		t.Error(err)
	}
	wantListing(t, path, append(want, "..data -> ..gen-1", "b -> ..data/b")...)
	if stat(t, path).Mode&0o7777 != 0o755 {
		t.Errorf("the directory's mode changed to %o", stat(t, path).Mode)
	}
}

func TestLinkDirRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		make func(t *testing.T, path string)
		want error
		at   string
		hint string
	}{
		"foreign link": {func(t *testing.T, path string) { must(t, os.Symlink("elsewhere", path+"/tls.key")) }, errForeignLink, "/tls.key", "remove the link"},
		"directory":    {func(t *testing.T, path string) { must(t, os.Mkdir(path+"/certs", 0o755)) }, unix.EISDIR, "/certs", "remove or rename the directory"},
		"named pipe":   {func(t *testing.T, path string) { must(t, unix.Mkfifo(path+"/tls.crt", 0o600)) }, ErrNotRegular, "/tls.crt", ""},
		"mounted file": {func(t *testing.T, path string) {
			write(t, path+"/tls.crt", "old", 0o600)
			mount(t, path+"/tls.crt", path+"/tls.crt", "", unix.MS_BIND, "")
		}, unix.EBUSY, "/tls.crt", "mount the directory that holds it"},
		"volume of Kubernetes": {func(t *testing.T, path string) {
			must(t, os.Mkdir(path+"/..2026_01_01", 0o755))
			must(t, os.Symlink("..2026_01_01", path+"/..data"))
		}, errForeignData, "/..data", "choose another one"},
		"file at ..data": {func(t *testing.T, path string) { write(t, path+"/..data", "", 0o600) }, errForeignData, "/..data", ""},
		"read-only file system": {func(t *testing.T, path string) {
			mount(t, "tmpfs", path, "tmpfs", unix.MS_RDONLY, "")
		}, unix.EROFS, "", "mounted read-only"},
		"full file system": {func(t *testing.T, path string) {
			mount(t, "tmpfs", path, "tmpfs", 0, "size=4k")
		}, unix.ENOSPC, "", "free some space"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "tls")
			must(t, os.Mkdir(path, 0o755))
			test.make(t, path)
			before := listing(t, path)
			d, g := bundle(path, 1)
			g.Files[0].Content = redact.Bytes(strings.Repeat("x", 9000))
			_, err := d.Publish(t.Context(), g)
			wantError(t, err, test.want, path+test.at, test.hint)
			wantListing(t, path, before...)
			if _, err := Recover(t.Context(), []string{path}); err != nil {
				t.Errorf("Recover: %v", err)
			}
			wantListing(t, path, before...)
		})
	}
}

func TestRefusedNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tls")
	for _, test := range []struct {
		names []string
		want  error
	}{
		{[]string{""}, errNoDestination},
		{[]string{"."}, errOutside},
		{[]string{"../tls.crt"}, errOutside},
		{[]string{"certs/../../tls.crt"}, errOutside},
		{[]string{"/etc/passwd"}, errOutside},
		{[]string{"..data"}, errReservedInDirectory},
		{[]string{"..gen-1/tls.crt"}, errReservedInDirectory},
		{[]string{".certagent-x"}, errReservedInDirectory},
		{[]string{"certs/.certagent-x"}, errReserved},
		{[]string{"\xff"}, errEncoding},
		{[]string{"a", "./a"}, errDuplicate},
		{[]string{"a", path + "/a"}, errDuplicate},
		{[]string{"a/b", "a"}, errFileAndDirectory},
		{[]string{"a", "a/b"}, errFileAndDirectory},
		{[]string{strings.Repeat("x", 256)}, unix.ENAMETOOLONG},
	} {
		d, g := bundle(path, 1, test.names...)
		_, err := d.Publish(t.Context(), g)
		wantError(t, err, test.want, "", "")
	}
	d, g := bundle(path, 1)
	g.Files = nil
	_, err := d.Publish(t.Context(), g)
	wantError(t, err, errNoFiles, path, "")
	g.Name = "a/b"
	if _, err = d.Publish(t.Context(), g); err == nil {
		t.Error("no error for a name with a slash")
	}
}

// TestAdoptPlainFiles: a rollback restores the plain files with their modes, and the
// payload of the journal is kept.
func TestAdoptPlainFiles(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	_, g := bundle(path, 1, "tls.key", "tls.crt")
	for i := range g.Files {
		g.Files[i].Path = filepath.Join(path, g.Files[i].Path)
	}
	_, err := journal.Publish(t.Context(), g)
	must(t, err)
	must(t, os.Chmod(path+"/tls.crt", 0o604))

	r := publishLinkDir(t, path, 7)
	if r.Generation != 7 || !slices.Equal(r.Previous, []uint64{1}) {
		t.Errorf("record %+v", r)
	}
	wantListing(t, path, append(stableLinks, "..data -> ..gen-7", "..gen-1", "..gen-1.json", "..gen-7", "..gen-7.json")...)
	dir, err := openUnlocked(path)
	must(t, err)
	defer dir.close()
	before, err := dir.readGenerationRecord(1)
	must(t, err)
	if string(before.Payload) != `{"owed":1}` {
		t.Errorf("payload %s", before.Payload)
	}
	rollBack(t, path)
	if got := read(t, path+"/tls.key") + read(t, path+"/tls.crt"); got != string(contentOf("tls.key", 1))+string(contentOf("tls.crt", 1)) {
		t.Errorf("after the rollback: %q", got)
	}
	info, err := os.Stat(path + "/tls.crt")
	must(t, err)
	if info.Mode() != 0o604 {
		t.Errorf("mode %v", info.Mode())
	}
	wantListing(t, path, append(stableLinks[1:], "..data -> ..gen-1", "..gen-1", "..gen-1.json", "..rejected-7")...)
}

// TestLinkDirWithFewerNames: a file that is not part of the generation any more is
// removed, even if nothing else changes and the record is lost.
func TestLinkDirWithFewerNames(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		path := t.TempDir()
		r := publishLinkDir(t, path, 1, "a", "b.key")
		if lost {
			must(t, Remove(t.Context(), r))
		}
		if r := publishLinkDir(t, path, 1, "a"); r.Generation != 2 || len(r.Files) != 1 {
			t.Errorf("record %+v", r)
		}
		wantListing(t, path+"/..data/", "a")
		if _, err := os.Lstat(path + "/b.key"); !os.IsNotExist(err) {
			t.Errorf("b.key: %v", err)
		}
	}
}
