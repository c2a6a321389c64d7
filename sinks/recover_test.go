// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package sinks

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// committed publishes the first generation and commits the second one, of which it
// renames only the first files into place, as if the process were killed then.
func committed(t testing.TB, root string, placed int) {
	t.Helper()
	publish(t, generation(root, 1))
	g, err := generation(root, 2).checked()
	must(t, err)
	p := transaction{}
	defer p.close()
	must(t, p.prepare(t.Context(), g))
	must(t, p.stage(t.Context()))
	must(t, p.commit())
	for _, m := range p.files[:placed] {
		must(t, m.apply())
	}
}

func recoverBelow(t testing.TB, root string) ([]Record, error) {
	t.Helper()
	return Recover(t.Context(), []string{filepath.Join(root, "a"), filepath.Join(root, "b")})
}

// TestRecoverRevertsDamaged: if a committed generation cannot be completed, the old one is
// restored, and the payload of the new one is returned.
func TestRecoverRevertsDamaged(t *testing.T) {
	t.Parallel()
	damages := map[string]func(path string) error{
		"torn":      func(path string) error { return os.Truncate(path, 3) },
		"missing":   os.Remove,
		"directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	}
	for name, damage := range damages {
		for placed := range 3 {
			t.Run(fmt.Sprintf("%s, %d in place", name, placed), func(t *testing.T) {
				t.Parallel()
				root := t.TempDir()
				committed(t, root, placed)
				must(t, damage(filepath.Join(root, "b", tempName("web", 2))))
				records, err := recoverBelow(t, root)
				if err != nil {
					t.Error(err)
				}
				if n := onDisk(t, root); n != 1 {
					t.Errorf("generation %d", n)
				}
				if len(records) != 1 || records[0].Intact || string(records[0].Payload) != `{"owed":2}` {
					t.Errorf("records %+v", records)
				}
				left := temps(t, root)
				if name == "directory" {
					left = slices.DeleteFunc(left, func(path string) bool { return stat(t, path).Mode&unix.S_IFMT == unix.S_IFDIR })
				}
				if len(left) != 0 {
					t.Errorf("left %v", left)
				}
			})
		}
	}
}

// TestRecoverFails: files that could not be completed are kept for the next time.
func TestRecoverFails(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	committed(t, root, 1)
	cert := filepath.Join(root, "a", "cert")
	unmount := mount(t, cert, cert, "", unix.MS_BIND, "")

	records, err := recoverBelow(t, root)
	wantError(t, err, unix.EBUSY, cert, "mount the directory")
	if len(records) != 1 || records[0].Intact {
		t.Errorf("records %+v", records)
	}
	unmount()
	if n := recovered(t, root); n != 2 {
		t.Errorf("generation %d", n)
	}
}

// TestChangedByOthers: if files were changed, the record is not intact, and the files stay
// as they are.
func TestChangedByOthers(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"edited":  func(t *testing.T, path string) { write(t, path, "edited", 0o600) },
		"removed": func(t *testing.T, path string) { must(t, os.Remove(path)) },
		"link": func(t *testing.T, path string) {
			must(t, errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path)))
		},
		"directory removed": func(t *testing.T, path string) { must(t, os.RemoveAll(filepath.Dir(path))) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			publish(t, generation(root, 1))
			change(t, filepath.Join(root, "b", "ca"))
			records, err := recoverBelow(t, root)
			if err != nil || len(records) != 1 || records[0].Intact || string(records[0].Payload) != `{"owed":1}` {
				t.Errorf("records %+v, error %v", records, err)
			}
			if got := read(t, filepath.Join(root, "a", "key")); got != "key of generation 1\n" {
				t.Errorf("the key is %q", got)
			}
			publish(t, generation(root, 1))
			if n := recovered(t, root); n != 1 {
				t.Errorf("published anew: generation %d", n)
			}
		})
	}
}

// TestUnusableRecords: they are reported and renamed, and the records of other bundles are
// returned.
func TestUnusableRecords(t *testing.T) {
	t.Parallel()
	good := func(change func(r *Record)) string {
		r := Record{Version: 1, Name: "bad", Files: []RecordedFile{{Path: "/x/f", SHA256: strings.Repeat("0", 64)}}}
		change(&r)
		content, err := json.Marshal(r)
		must(t, err)
		return string(sealRecord(content))
	}
	for name, content := range map[string]string{
		"empty":            "",
		"cut off":          good(func(*Record) {})[:40],
		"not JSON":         "\x00\x01",
		"null":             "null",
		"no record":        "{}",
		"null record":      string(sealRecord([]byte("null"))),
		"other type":       string(sealRecord([]byte(`{"version":"1"}`))),
		"wrong checksum":   strings.Replace(good(func(*Record) {}), "/x/f", "/x/g", 1),
		"newer version":    good(func(r *Record) { r.Version = 2 }),
		"other name":       good(func(r *Record) { r.Name = "web" }),
		"no files":         good(func(r *Record) { r.Files = nil }),
		"relative path":    good(func(r *Record) { r.Files[0].Path = "f" }),
		"unclean path":     good(func(r *Record) { r.Files[0].Path = "/x/../f" }),
		"path of a record": good(func(r *Record) { r.Files[0].Path = "/x/.certagent-web.json" }),
		"short hash":       good(func(r *Record) { r.Files[0].SHA256 = "00" }),
		"long hash":        good(func(r *Record) { r.Files[0].SHA256 += "00" }),
		"bad hash":         good(func(r *Record) { r.Files[0].SHA256 = strings.Repeat("x", 64) }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			publish(t, generation(root, 1))
			path := filepath.Join(root, "a", recordName("bad"))
			write(t, path, content, 0o600)
			write(t, filepath.Join(root, "a", tempName("bad", 0)), "half", 0o600)

			records, err := recoverBelow(t, root)
			wantError(t, err, ErrRecord, path, "")
			if len(records) != 1 || records[0].Name != "web" || !records[0].Intact {
				t.Errorf("records %+v", records)
			}
			if got := read(t, path+".bad"); got != content {
				t.Errorf("put aside %q", got)
			}
			if left := temps(t, root); left != nil {
				t.Errorf("left %v", left)
			}
			if n := recovered(t, root); n != 1 {
				t.Errorf("the second time: generation %d", n)
			}
		})
	}
}

// TestForeignRecords: a record that other users could have written is left alone, with its
// temporary files. They could use it to rename files that they must not change.
func TestForeignRecords(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, path string){
		"writable by others": func(t *testing.T, path string) { must(t, os.Chmod(path, 0o622)) },
		"of another user": func(t *testing.T, path string) {
			needRoot(t)
			must(t, os.Chown(path, 1234, -1))
		},
		"named pipe": func(t *testing.T, path string) { must(t, errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600))) },
		"directory":  func(t *testing.T, path string) { must(t, errors.Join(os.Remove(path), os.Mkdir(path, 0o700))) },
		"link": func(t *testing.T, path string) {
			must(t, errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			committed(t, root, 0)
			path := filepath.Join(root, "a", recordName("web"))
			change(t, path)
			before := stat(t, path).Ino
			records, err := Recover(t.Context(), []string{filepath.Join(root, "a")})
			if err == nil || !strings.Contains(err.Error(), path) || len(records) != 0 {
				t.Errorf("records %+v, error %v", records, err)
			}
			if stat(t, path).Ino != before || onDisk(t, root) != 1 || len(temps(t, root)) != 4 {
				t.Errorf("something was changed: generation %d, left %v", onDisk(t, root), temps(t, root))
			}
		})
	}
}

// TestRecoverRemovesTempFiles: temporary files without a record are removed; files of
// others stay.
func TestRecoverRemovesTempFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	theirs := []string{"f.tmp", ".certagent-notes", ".certagent.tmp", "certagent-web-0.tmp", ".tmp"}
	for _, name := range theirs {
		write(t, filepath.Join(dir, name), "theirs", 0o600)
	}
	must(t, os.MkdirAll(filepath.Join(dir, ".certagent-dir.tmp", "full"), 0o700))
	for _, name := range []string{tempName("web", 0), tempName("web", 12), journalTempName("web"), tokenTempName("/x")} {
		write(t, filepath.Join(dir, name), "ours", 0o600)
	}
	must(t, os.Symlink("theirs", filepath.Join(dir, tempName("link", 0)))) // a destination that was a link

	alias := filepath.Join(t.TempDir(), "alias") // locked already: Recover must not wait for it
	must(t, os.Symlink(dir, alias))
	records, err := Recover(t.Context(), []string{dir, alias, filepath.Join(dir, "missing"), dir})
	if err != nil || records != nil {
		t.Errorf("records %v, error %v", records, err)
	}
	entries, err := os.ReadDir(dir)
	must(t, err)
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	want := append(theirs, ".certagent-dir.tmp")
	slices.Sort(want)
	if !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

// TestRecoverKeepsBackups: a crash after the renames does not lose the backup.
func TestRecoverKeepsBackups(t *testing.T) {
	t.Parallel()
	for placed := range 2 {
		root := t.TempDir()
		g := generation(root, 1)
		publish(t, g)
		g = generation(root, 2)
		for i := range g.Files {
			g.Files[i].Backup = true
		}
		g, err := g.checked()
		must(t, err)
		p := transaction{}
		must(t, p.prepare(t.Context(), g))
		must(t, p.stage(t.Context()))
		must(t, p.commit())
		if placed > 0 {
			must(t, p.renameIntoPlace())
		}
		p.close()
		if n := recovered(t, root); n != 2 {
			t.Errorf("generation %d", n)
		}
		for _, f := range generation(root, 1).Files[:3] {
			if got := read(t, f.Path+".bak"); got != string([]byte(f.Content)) {
				t.Errorf("the backup is %q", got)
			}
		}
	}
}

// TestRecoverWaitsForPublishers: a publisher locks its directories, so that Recover does
// not take its temporary files for those of a process that crashed.
func TestRecoverWaitsForPublishers(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	g, err := generation(root, 1).checked()
	must(t, err)
	p := transaction{}
	must(t, p.prepare(t.Context(), g))
	must(t, p.stage(t.Context()))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Recover(ctx, []string{filepath.Join(root, "a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	done := make(chan error)
	go func() {
		_, err := Recover(t.Context(), []string{filepath.Join(root, "a"), filepath.Join(root, "b")})
		done <- err
	}()
	must(t, p.commit())
	must(t, p.renameIntoPlace())
	must(t, p.removeOld())
	p.close()
	must(t, <-done)
	if n := recovered(t, root); n != 1 {
		t.Errorf("generation %d", n)
	}
}

// FuzzRecover: Recover returns for every record. It rejects one that is damaged. For one
// with wrong content it changes only the recorded destinations.
func FuzzRecover(f *testing.F) {
	root := memory(f)
	committed(f, root, 1)
	file, err := os.ReadFile(filepath.Join(root, "a", recordName("web")))
	must(f, err)
	record := file[len(`{"record":`):bytes.LastIndex(file, []byte(`,"sha256"`))]
	for i := 0; i < len(file); i += 23 {
		flipped := bytes.Clone(file)
		flipped[i] ^= 1 << (i % 8)
		f.Add(flipped, false)
		f.Add(file[:i], false)
	}
	for i := 0; i < len(record); i += 23 {
		flipped := bytes.Clone(record)
		flipped[i] ^= 1 << (i % 8)
		f.Add(flipped, true)
	}
	f.Add(bytes.ReplaceAll(record, []byte("cert\""), []byte("victim\"")), true)
	f.Add(bytes.ReplaceAll(record, []byte("/a/"), []byte("/b/")), true)
	f.Add(bytes.ReplaceAll(record, []byte(root), nil), true)

	f.Fuzz(func(t *testing.T, content []byte, resealed bool) {
		home := memory(t)
		committed(t, home, 1)
		path := filepath.Join(home, "a", recordName("web"))
		content = bytes.ReplaceAll(content, []byte(root), []byte(home))
		if whole := read(t, path) == string(content); whole && !resealed {
			t.Skip("not damaged")
		}
		if resealed {
			content = sealRecord(content)
		}
		write(t, path, string(content), 0o600)
		write(t, filepath.Join(home, "a", "victim"), "victim", 0o600)
		before := contents(t, home)

		records, err := recoverBelow(t, home)
		if !resealed && (len(records) != 0 || !errors.Is(err, ErrRecord)) {
			t.Errorf("believed %q: error %v", content, err)
		}
		named := map[string]bool{}
		for _, r := range records {
			for _, f := range r.Files {
				named[f.Path], named[f.Path+".bak"] = true, true
			}
		}
		after := contents(t, home)
		for path, content := range before {
			if after[path] != content && !named[path] {
				t.Errorf("changed %s", path)
			}
		}
		for path := range after {
			if _, ok := before[path]; !ok && !named[path] {
				t.Errorf("made %s", path)
			}
		}
	})
}

// contents returns the contents of the files below root that are not ours.
func contents(t testing.TB, root string) map[string]string {
	t.Helper()
	found := map[string]string{}
	must(t, filepath.WalkDir(root, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasPrefix(e.Name(), prefix) {
			found[path] = read(t, path)
		}
		return err
	}))
	return found
}
