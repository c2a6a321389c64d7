// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certagent/certagent/redact"
)

// one returns a generation of a single file.
func one(f File) Generation { return Generation{Name: "one", Number: 1, Files: []File{f}} }

func TestPublishRecords(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	r := publish(t, generation(root, 2))

	var order []string
	for _, f := range r.Files {
		order = append(order, filepath.Base(f.Path))
	}
	if diff := cmp.Diff([]string{"key", "cert", "ca", "fixed"}, order); diff != "" {
		t.Errorf("keys come first, the rest in order: %s", diff)
	}
	path := filepath.Join(root, "a", ".certagent-web.json")
	onDisk, err := decodeRecord([]byte(read(t, path)))
	must(t, err)
	onDisk.Intact = true
	if diff := cmp.Diff(r, onDisk); diff != "" {
		t.Errorf("returned and written record differ: %s", diff)
	}
	if got := stat(t, path).Mode & 0o777; got != 0o600 {
		t.Errorf("the record has mode %o", got)
	}
	if strings.Contains(read(t, path), "of generation") {
		t.Error("the record has the content of a file")
	}
}

func TestPublishLeavesEqualFilesAlone(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	publish(t, generation(root, 1))
	before := map[string]syscall.Stat_t{}
	for _, f := range generation(root, 1).Files {
		before[filepath.Base(f.Path)] = *stat(t, f.Path)
	}
	check := func(touched bool, names ...string) {
		t.Helper()
		for _, f := range generation(root, 1).Files {
			for _, name := range names {
				if is, was := stat(t, f.Path), before[name]; filepath.Base(f.Path) == name && (is.Ino != was.Ino || is.Mtim != was.Mtim) != touched {
					t.Errorf("%s: touched is %v, want %v", name, !touched, touched)
				}
			}
		}
	}

	again := generation(root, 1)
	again.Number, again.Payload = 7, json.RawMessage(`"later"`)
	if r := publish(t, again); r.Generation != 7 || string(r.Payload) != `"later"` {
		t.Errorf("the record was not renewed: %+v", r)
	}
	check(false, "key", "cert", "ca", "fixed")

	publish(t, generation(root, 2))
	check(false, "fixed")
	check(true, "key", "cert", "ca")
}

func TestModes(t *testing.T) {
	// Not parallel: the umask is the process's.
	defer syscall.Umask(syscall.Umask(0o777))
	for name, test := range map[string]struct {
		old  fs.FileMode // of the existing file; 0: there is none
		file File
		want uint32
	}{
		"new":                         {0, File{}, 0o644},
		"new key":                     {0, File{Key: true}, 0o600},
		"kept":                        {0o751, File{}, 0o751},
		"kept of a key":               {0o640, File{Key: true}, 0o640},
		"key that everybody can read": {0o444, File{Key: true}, 0o600},
		"key that others can run":     {0o641, File{Key: true}, 0o600},
		"asked for of such a key":     {0o444, File{Mode: 0o444, Key: true}, 0o444},
		"asked for":                   {0o751, File{Mode: 0o604}, 0o604},
		"asked for a key":             {0, File{Mode: 0o640, Key: true}, 0o640},
		"special bits as in chmod(2)": {0, File{Mode: 0o7755}, 0o7755},
		"special bits as in Go":       {0, File{Mode: fs.ModeSetuid | fs.ModeSticky | 0o755}, 0o5755},
		"special bits kept":           {fs.ModeSetuid | 0o755, File{}, 0o4755},
	} {
		t.Run(name, func(t *testing.T) {
			f := test.file
			f.Path, f.Content, f.UID, f.GID = filepath.Join(t.TempDir(), "f"), redact.Bytes("new"), -1, -1
			if err := os.Chmod(filepath.Dir(f.Path), 0o755); err != nil {
				t.Fatal(err)
			}
			if test.old != 0 {
				write(t, f.Path, "old", test.old)
			}
			r := publish(t, one(f))
			if got := stat(t, f.Path).Mode & 0o7777; got != test.want {
				t.Errorf("mode %o, want %o", got, test.want)
			}
			if got := uint32(r.Files[0].Mode); got != test.want {
				t.Errorf("recorded mode %o, want %o", got, test.want)
			}
		})
	}
}

func TestOwners(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for name, test := range map[string]struct{ uid, gid, wantUID, wantGID int }{
		"kept":               {-1, -1, 1234, 2345},
		"asked for":          {77, 88, 77, 88},
		"only the user":      {77, -1, 77, 2345},
		"only the group":     {-1, 88, 1234, 88},
		"root, which is nil": {0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "f")
			write(t, path, "old", 0o600)
			if err := os.Chown(path, 1234, 2345); err != nil {
				t.Fatal(err)
			}
			r := publish(t, one(File{Path: path, Content: redact.Bytes("new"), UID: test.uid, GID: test.gid}))
			if st := stat(t, path); int(st.Uid) != test.wantUID || int(st.Gid) != test.wantGID {
				t.Errorf("owner %d:%d, want %d:%d", st.Uid, st.Gid, test.wantUID, test.wantGID)
			}
			if f := r.Files[0]; f.UID != test.wantUID || f.GID != test.wantGID {
				t.Errorf("recorded owner %d:%d", f.UID, f.GID)
			}
		})
	}
}

func TestBackup(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "key")
	f := File{Path: path, Mode: 0o640, UID: -1, GID: -1, Backup: true, Key: true}
	publishContent := func(content string) {
		t.Helper()
		f.Content = redact.Bytes(content)
		publish(t, one(f))
	}
	publishContent("1")
	if _, err := os.Lstat(path + ".bak"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there was nothing to back up: %v", err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	first := stat(t, path).Ino
	publishContent("2")
	if st := stat(t, path+".bak"); st.Ino != first || st.Mode&0o7777 != 0o400 {
		t.Errorf("the backup is not the old file with its mode: inode %d, mode %o", st.Ino, st.Mode)
	}
	publishContent("3")
	publishContent("3") // changes nothing
	if got := read(t, path+".bak"); got != "2" {
		t.Errorf("the backup is %q", got)
	}
	if got := stat(t, path).Mode & 0o7777; got != 0o640 {
		t.Errorf("the mode is %o", got)
	}
}

func TestBackupThatCannotBeMade(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, "old", 0o600)
	if err := os.MkdirAll(path+".bak/full", 0o700); err != nil {
		t.Fatal(err)
	}
	r, err := journal.Publish(t.Context(), one(File{Path: path, Content: redact.Bytes("new"), UID: -1, GID: -1, Backup: true}))
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(r.CleanupErr, syscall.EISDIR) || !strings.Contains(r.CleanupErr.Error(), path) {
		t.Errorf("CleanupErr is %v", r.CleanupErr)
	}
	if read(t, path) != "new" {
		t.Error("not published")
	}
}

func TestCreateDirs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x", "y", "f")
	f := File{Path: path, Content: redact.Bytes("new"), UID: -1, GID: -1}
	_, err := journal.Publish(t.Context(), one(f))
	wantError(t, err, syscall.ENOENT, path, "create_dest_dirs")
	if _, err := os.Lstat(filepath.Dir(filepath.Dir(path))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory was made: %v", err)
	}
	f.CreateDirs = true
	publish(t, one(f))
	if got := stat(t, filepath.Dir(path)).Mode & 0o777; got != 0o755 {
		t.Errorf("the directory has mode %o", got)
	}
}

func TestPublishEndsWithContext(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	publish(t, generation(root, 1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := journal.Publish(ctx, generation(root, 2)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if n, left := onDisk(t, root), temps(t, root); n != 1 || left != nil {
		t.Errorf("generation %d and %v are left", n, left)
	}
}

// TestJournalRollback restores what Previous returned, and nothing if that is not a
// complete set.
func TestJournalRollback(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	first, second := generation(root, 1), generation(root, 2)
	if files := journal.Previous(first.Files); files != nil {
		t.Errorf("previous files %v, but there are none", files)
	}
	publish(t, first)
	must(t, os.Chmod(first.Files[0].Path, 0o604))
	previous := journal.Previous(second.Files)
	publish(t, second)
	r, err := journal.Rollback(t.Context(), Generation{Name: "web", Number: 3, Files: previous, Payload: json.RawMessage(`{"owed":1}`)})
	must(t, err)
	if onDisk(t, root) != 1 || r.Generation != 3 || string(r.Payload) != `{"owed":1}` || !r.Intact {
		t.Errorf("generation %d, record %+v", onDisk(t, root), r)
	}
	if mode := stat(t, first.Files[0].Path).Mode & 0o7777; mode != 0o604 {
		t.Errorf("mode %o", mode)
	}
	must(t, os.Remove(first.Files[1].Path))
	if files := journal.Previous(second.Files); files != nil {
		t.Errorf("previous files %v, but one is missing", files)
	}
	if _, err := journal.Rollback(t.Context(), Generation{Name: "web"}); !errors.Is(err, ErrNoPrevious) {
		t.Errorf("error %v", err)
	}
}

// TestOwns: a record belongs to the way and place in which it was published.
func TestOwns(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	d, g := bundle(path, 1)
	byLink, byFile := publishLinkDir(t, path, 1), publish(t, generation(t.TempDir(), 1))
	for _, test := range []struct {
		publisher Publisher
		record    Record
		want      bool
	}{{d, byLink, true}, {d, byFile, false}, {LinkDir{Path: path + "2"}, byLink, false}, {journal, byLink, false}, {journal, byFile, true}} {
		if got := test.publisher.Owns(test.record); got != test.want {
			t.Errorf("%#v owns the record in %q: %t", test.publisher, test.record.Directory, got)
		}
	}
	if got := d.RecoveryDirs(g.Files); !slices.Equal(got, []string{path}) {
		t.Errorf("a LinkDir is recovered in %q", got)
	}
	if got := journal.RecoveryDirs([]File{{Path: "/x/a"}, {Path: "/y/b"}, {Path: "/x/c"}}); !slices.Equal(got, []string{"/x", "/y", "/x"}) {
		t.Errorf("a Journal is recovered in %q", got)
	}
}

func TestRefusedGenerations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name string) File { return File{Path: filepath.Join(dir, name), UID: -1, GID: -1} }
	for name, test := range map[string]struct {
		g    Generation
		want string
	}{
		"no name":       {Generation{Files: []File{file("f")}}, `"" cannot be the name`},
		"slash in name": {Generation{Name: "../x", Files: []File{file("f")}}, `"../x" cannot be the name`},
		"long name":     {Generation{Name: strings.Repeat("x", 201), Files: []File{file("f")}}, "cannot be the name"},
		"no files":      {Generation{Name: "x"}, `publishing "x": no files`},
		"no path":       {one(File{}), "missing destination"},
		"twice":         {Generation{Name: "x", Files: []File{file("f"), file("d/../f")}}, "destination is named twice"},
		"not UTF-8":     {one(file("\xff")), "the path is not valid UTF-8"},
		"reserved":      {one(file(".certagent-x.json")), "names that begin with .certagent- are reserved"},
		"bad payload":   {Generation{Name: "x", Files: []File{file("f")}, Payload: json.RawMessage("{")}, `encoding the record of "x"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := journal.Publish(t.Context(), test.g)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
	if left := listing(t, dir); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestLongestNames(t *testing.T) {
	t.Parallel()
	g := one(File{Path: filepath.Join(t.TempDir(), strings.Repeat("f", 255)), UID: -1, GID: -1})
	g.Name = strings.Repeat("n", 200)
	if r := publish(t, g); !r.Intact {
		t.Error("not published")
	}
}

func TestRelativePath(t *testing.T) {
	t.Chdir(t.TempDir())
	r := publish(t, one(File{Path: "./f", Content: redact.Bytes("new"), UID: -1, GID: -1}))
	if !filepath.IsAbs(r.Files[0].Path) || read(t, "f") != "new" {
		t.Errorf("published to %s", r.Files[0].Path)
	}
}

func TestSaveAndRemove(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func([]File){
		"the first file is in the key's directory": func([]File) {},
		"the first file is in another directory":   func(f []File) { f[0], f[1] = f[1], f[0] },
	} {
		t.Run(name, func(t *testing.T) {
			g := generation(t.TempDir(), 1)
			change(g.Files)
			saveAndRemove(t, filepath.Dir(filepath.Dir(g.Files[0].Path)), publish(t, g))
		})
	}
}

// saveAndRemove tests Save and Remove with the record of what was published below
// root.
func saveAndRemove(t *testing.T, root string, r Record) {
	t.Helper()
	r.Payload = json.RawMessage(`{"owed":0}`)
	if err := Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	dirs := []string{filepath.Join(root, "a"), filepath.Join(root, "b")}
	records, err := Recover(t.Context(), dirs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Record{r}, records); diff != "" {
		t.Errorf("saved and recovered record differ: %s", diff)
	}
	if err := Remove(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), r); err != nil {
		t.Errorf("removing what is removed: %v", err)
	}
	if records, err := Recover(t.Context(), dirs); err != nil || records != nil {
		t.Errorf("after Remove: %v, %v", records, err)
	}
	if n := onDisk(t, root); n != 1 {
		t.Errorf("generation %d is left", n)
	}
}

// wantError checks that an error wraps target and names the destination, and that
// its hint says something.
func wantError(t *testing.T, err, target error, path, hint string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("error %v, want %v", err, target)
	}
	e := new(Error)
	if !errors.As(err, &e) || !strings.Contains(err.Error(), path) || !strings.Contains(e.Hint(), hint) {
		t.Errorf("error %q with hint %q, want one that names %q and hints at %q", err, e.Hint(), path, hint)
	}
}
